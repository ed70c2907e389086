import { describe, expect, test } from 'vitest';
import { doesAccept } from '../../shared/domain/accepts.ts';
import { matchAgents, servable } from './placement.ts';
import { agent, pinned, STALE, token, waiting } from './small-farm.test.support.ts';

describe('the agents for a build', () => {
  test('are those that have exactly its builder and a free slot, the least loaded first', () => {
    const agents = [
      agent('busy', ['a'], { loadPerCore: 0.9 }),
      agent('pressed', ['a'], { loadPerCore: 0.1, cpuPressure: 0.7 }),
      agent('half', ['a'], { running: [token('b')] }),
      agent('idle', ['a']),
      agent('full', ['a'], { running: [token('b'), token('b')] }),
      agent('cold', ['b']),
      agent('yesterday', [], { warm: [pinned('a', STALE)] }),
    ];
    const { agentIds } = matchAgents([waiting('a', 9)], agents);
    expect([...new Set(agentIds)]).toEqual(['idle', 'half', 'pressed', 'busy']);
  });

  test.each([
    ['drains', agent('x', ['a'], { draining: true }), waiting('a', 1)],
    ['went silent', agent('x', ['a'], { isSuspect: true }), waiting('a', 1)],
    ['may not take its lane', agent('x', ['a'], { lanes: ['open'] }), waiting('a', 1, { lane: 'trusted' })],
    ['just lost it', agent('x', ['a']), waiting('a', 1, { avoidAgent: 'x' })],
    ['was told other targets', agent('x', ['a'], { accepts: { targets: ['b/*'] } }), waiting('a', 1)],
  ])('are none that %s', (_why, one, set) => {
    expect(matchAgents([set], [one]).agentIds).toEqual([]);
    expect(servable(one, [set])).toEqual([]);
  });
});

test('an agent serves the sets it has warm in the order of their first builds', () => {
  const sets = [
    waiting('a', 9, { firstScore: 30 }),
    waiting('b', 1, { firstScore: 20 }),
    waiting('c', 1, { firstScore: 10 }),
  ];
  expect(servable(agent('x', ['a', 'b']), sets).map(({ builder }) => builder)).toEqual(['b', 'a'].map(token));
});

describe('agents are matched with what waits', () => {
  test('so that each set finds as many as it has builds, those first in fair order first', () => {
    const agents = [agent('x', ['a', 'b']), agent('y', ['a'], { running: [token('b')] })];
    const sets = [waiting('a', 3, { firstScore: 20 }), waiting('b', 1, { firstScore: 10 })];
    expect(matchAgents(sets, agents)).toEqual({ agentIds: ['x', 'x', 'y'], unmatched: [sets[0]] });
    expect(matchAgents(sets, [...agents, agent('z', ['a'])]).unmatched).toEqual([]);
  });

  test('and no more agents than that look for work', () => {
    const agents = ['x', 'y', 'z'].map((id) => agent(id, ['a']));
    expect(matchAgents([waiting('a', 1)], agents).agentIds).toEqual(['x']);
    expect(matchAgents([], agents).agentIds).toEqual([]);
  });

  test('but none that has other bytes, or other work', () => {
    const agents = [
      agent('stale', [], { warm: [pinned('a', STALE)] }),
      agent('full', ['a'], { running: [token('b'), token('b')] }),
    ];
    const sets = [waiting('a', 1)];
    expect(matchAgents(sets, agents)).toEqual({ agentIds: [], unmatched: sets });
  });
});

test('an agent accepts what it was told to, and everything where it was told nothing', () => {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'ath79/generic' };
  expect(doesAccept(undefined, builder)).toBe(true);
  expect(doesAccept({ targets: ['x86/64', 'ath79/*'] }, builder)).toBe(true);
  expect(doesAccept({ targets: ['ath79/*'], versions: ['23.05.*', 'SNAPSHOT'] }, builder)).toBe(false);
  expect(doesAccept({ versions: ['24.10.4'] }, builder)).toBe(true);
  expect(doesAccept({ targets: [] }, builder)).toBe(false);
});
