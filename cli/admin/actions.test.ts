import { expect, test } from 'vitest';
import { findAction } from './actions.ts';
import { showAgents, showBuilders, showQueue, table } from './tables.ts';

test.each([
  [[], /^say what to do: agents, builders, queue/],
  [['agnets'], 'there is no action "agnets"; did you mean "agents"?'],
  [['frobnicate'], /^there is no action "frobnicate": agents/],
  [['cancel'], 'cancel needs a name: cancel HASH'],
  [['cancel', 'a', 'b'], '"b" is one word too many'],
  [['pin'], 'pin needs a name: pin [DISTRO] VERSION TARGET'],
  [['pin', '24.10.4'], '"24.10.4" is no builder; one is 24.10.4 ath79/generic'],
  [['pin', '24.10.4', 'ath79'], '"24.10.4 ath79" is no builder; one is 24.10.4 ath79/generic'],
  [['pin', 'openwrt', '24.10.4', 'x86/64', 'too'], '"too" is one word too many'],
  [['agents', 'x'], '"x" is one word too many'],
])('%j is told what is wrong with it', (words, problem) => {
  expect(findAction(words)).toEqual(typeof problem === 'string' ? problem : expect.stringMatching(problem));
});

test('an action knows its path, and a name is no more than one part of it', () => {
  const found = findAction(['drain', 'a/../b']);
  if (typeof found === 'string') throw new Error(found);
  expect(found.action.path(found.name)).toBe('/api/v1/admin/agents/a%2F..%2Fb/drain');
});

test.each([
  [['24.10.4', 'x86/64'], 'openwrt/24.10.4/x86/64'],
  [['24.10.4 x86/64'], 'openwrt/24.10.4/x86/64'],
  [['immortalwrt', 'SNAPSHOT', 'ath79/generic'], 'immortalwrt/SNAPSHOT/ath79/generic'],
])('a builder is named as it is shown: %j', (words, path) => {
  const found = findAction(['pin', ...words]);
  if (typeof found === 'string') throw new Error(found);
  expect(found.action.path(found.name)).toBe(`/api/v1/admin/builders/${path}/pin`);
});

test('tables are as wide as what stands in them', () => {
  expect(table(['A', 'LONGER'], [['wide cell', '1']])).toEqual(['A          LONGER', 'wide cell  1']);
});

test('what a server leaves out is a dash', () => {
  expect(showAgents({ agents: [{ id: 'attic' }] })[1]).toMatch(/^attic +- +-\/- +- +- +- +-$/);
  expect(showBuilders({ builders: [{ name: '24.10.4 x86/64' }] })[1]).toMatch(
    /^24.10.4 x86\/64 +- +- +- +- +-$/,
  );
  expect(showAgents({})).toEqual(['no agent is there']);
  expect(showQueue({ waiting: 0, builds: [] })).toEqual(['0 builds wait']);
});
