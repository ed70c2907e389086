import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { SettingsError } from '../shared/env.ts';
import type { Command } from './command.ts';
import { flagsOf, parseFlags, readArguments } from './flags.ts';

const settings = Type.Object({
  httpPort: Type.Integer({ minimum: 0, default: 8080, description: 'port for clients' }),
  server: Type.String({ description: 'a URL', placeholder: 'URL' }),
  package: Type.Array(Type.String(), { default: [], description: 'packages' }),
  json: Type.Boolean({ default: false, description: 'JSON only' }),
});
const command: Command = {
  name: 'try',
  summary: '',
  about: '',
  settings,
  hiddenFlags: ['control-pipe'],
  run: async () => 0,
};

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof SettingsError) return thrown.problems;
    throw thrown;
  }
  return [];
}

test('a schema gives flags with their names, defaults and placeholders', () => {
  expect(flagsOf(settings)).toMatchObject([
    { name: 'http-port', placeholder: 'N', defaultValue: '8080', environment: 'WRTFARM_HTTP_PORT' },
    { name: 'server', placeholder: 'URL', isRequired: true, defaultValue: undefined },
    { name: 'package', isRepeatable: true, defaultValue: undefined },
    { name: 'json', isBoolean: true, defaultValue: undefined },
  ]);
});

test('arguments become settings of the types the schema asks for', () => {
  const args = ['--http-port', '0', '--server=http://x', '--package', 'a', '--package=-b', '--json'];
  const { raw } = readArguments(command, args);
  expect(parseFlags(settings, raw)).toEqual({
    httpPort: 0,
    server: 'http://x',
    package: ['a', '-b'],
    json: true,
  });
});

test('hidden flags are told apart from settings', () => {
  const { hidden, raw } = readArguments(command, ['--control-pipe']);
  expect(hidden.has('control-pipe')).toBe(true);
  expect(Object.keys(raw)).not.toContain('controlPipe');
});

test('an unknown flag is refused with the one that was meant', () => {
  expect(problemsOf(() => readArguments(command, ['--htp-port', '1']))).toEqual([
    'there is no flag --htp-port; did you mean --http-port?',
  ]);
});

test('a flag without its value, a value too many and a word too many are refused', () => {
  expect(problemsOf(() => readArguments(command, ['--server']))[0]).toContain('--server needs a value');
  expect(problemsOf(() => readArguments(command, ['--package', '-ppp']))[0]).toContain('--package=-value');
  expect(problemsOf(() => readArguments(command, ['--json=yes']))[0]).toBe('--json takes no value');
  expect(problemsOf(() => readArguments(command, ['more']))[0]).toContain('"more" is one word too many');
});

test('wrong values are all told at once, in the words of flags', () => {
  const { raw } = readArguments(command, ['--http-port', '-1'.replace('-1', 'x')]);
  expect(problemsOf(() => parseFlags(settings, raw))).toEqual([
    '--http-port "x" must be integer (port for clients)',
    '--server is required: a URL',
  ]);
});
