import { expect, test } from 'vitest';
import { agent } from './agent.ts';
import { build } from './build.ts';
import { coordinator } from './coordinator.ts';
import { demo } from './demo.ts';
import { flagsOf } from './flags.ts';
import { test as testCommand } from './test.ts';
import { up } from './up.ts';
import { helpText, overviewText } from './usage.ts';

const commands = [demo, up, build, coordinator, agent, testCommand];

test('the overview tells every command and its summary', () => {
  const text = overviewText(commands);
  for (const { name, summary } of commands) expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
});

test.each(commands.map((command) => [command.name, command] as const))(
  'help of %s tells every flag with a description and keeps to the width',
  (_, command) => {
    const lines = helpText(command, 80).split('\n');
    for (const flag of flagsOf(command.settings)) {
      expect(flag.description).not.toBe('');
      expect(lines.some((line) => line.startsWith(`  --${flag.name}`))).toBe(true);
    }
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  },
);

test('help of a program tells the variables too, and no hidden flag', () => {
  const text = helpText(agent, 200);
  expect(text).toContain('required; WRTFARM_NATS');
  expect(text).toContain('default 1; WRTFARM_SLOTS');
  expect(text).not.toContain('control-pipe');
});
