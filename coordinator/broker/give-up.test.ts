import { expect, test } from 'vitest';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentState } from '../agents/agent-registry.ts';
import { shouldGiveUp } from './give-up.ts';

const wanted = { builder: 'openwrt=24_10_4=x86=64', digest: 'a'.repeat(64) };

function agent(agentId: string, pull: Partial<Pull> = {}, isSuspect = false): AgentState {
  return {
    pull: firstPull({ agentId, ...pull }),
    running: [],
    ending: [],
    isSuspect,
    isDrained: false,
  };
}

test('a builder is given up when all who are there failed, three times in all', () => {
  expect(shouldGiveUp([agent('x')], wanted, { x: 2 })).toBe(false);
  expect(shouldGiveUp([agent('x')], wanted, { x: 3 })).toBe(true);
  expect(shouldGiveUp([agent('x'), agent('y')], wanted, { x: 2, y: 1 })).toBe(true);
});

test('not while there is one who did not try, unless three others failed', () => {
  const agents = ['w', 'x', 'y', 'z'].map((id) => agent(id));
  expect(shouldGiveUp(agents, wanted, { x: 9 })).toBe(false);
  expect(shouldGiveUp(agents, wanted, { x: 9, y: 9 })).toBe(false);
  expect(shouldGiveUp(agents, wanted, { x: 1, y: 1, z: 1 })).toBe(true);
});

test('not while somebody has exactly its bytes', () => {
  const failures = { x: 9, y: 9, z: 9 };
  expect(shouldGiveUp([agent('w', { warm: [wanted] })], wanted, failures)).toBe(false);
  const stale = { ...wanted, digest: 'b'.repeat(64) };
  expect(shouldGiveUp([agent('x', { warm: [stale] })], wanted, failures)).toBe(true);
});

test.each([
  ['drains', agent('y', { draining: true })],
  ['went silent', agent('y', {}, true)],
  ['was told other targets', agent('y', { accepts: { targets: ['ath79/*'] } })],
])('nobody waits for one that %s', (_why, other) => {
  expect(shouldGiveUp([agent('x'), other], wanted, { x: 3 })).toBe(true);
});

test('with nobody there it takes three failures too', () => {
  expect(shouldGiveUp([], wanted, { x: 2 })).toBe(false);
  expect(shouldGiveUp([], wanted, { x: 3 })).toBe(true);
});
