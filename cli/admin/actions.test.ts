import { expect, test } from 'vitest';
import { findAction } from './actions.ts';
import { showAgents, showQueue, table } from './tables.ts';

test.each([
  [[], /^say what to do: agents, builders, queue/],
  [['agnets'], 'there is no action "agnets"; did you mean "agents"?'],
  [['frobnicate'], /^there is no action "frobnicate": agents/],
  [['cancel'], 'cancel needs a name: cancel HASH'],
  [['cancel', 'a', 'b'], '"b" is one word too many'],
  [['agents', 'x'], '"x" is one word too many'],
])('%j is told what is wrong with it', (words, problem) => {
  expect(findAction(words)).toEqual(typeof problem === 'string' ? problem : expect.stringMatching(problem));
});

test('an action knows its path, and a name is no more than one part of it', () => {
  const found = findAction(['drain', 'a/../b']);
  if (typeof found === 'string') throw new Error(found);
  expect(found.action.path(found.name)).toBe('/api/v1/admin/agents/a%2F..%2Fb/drain');
});

test('tables are as wide as what stands in them', () => {
  expect(table(['A', 'LONGER'], [['wide cell', '1']])).toEqual(['A          LONGER', 'wide cell  1']);
});

test('what a server leaves out is a dash', () => {
  expect(showAgents({ agents: [{ id: 'attic' }] })[1]).toMatch(/^attic +- +-\/- +- +- +- +-$/);
  expect(showAgents({})).toEqual(['no agent is there']);
  expect(showQueue({ waiting: 0, builds: [] })).toEqual(['0 builds wait']);
});
