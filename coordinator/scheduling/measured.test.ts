import { expect, test } from 'vitest';
import { measuredBy } from './measured.ts';
import { agent, CURRENT, token } from './small-farm.test.support.ts';
import { DEFAULT_BUILD_MS, DEFAULT_FETCH_MS } from './timings.ts';

/** An agent with builders that took so long to fetch, and so much of its disk. */
function having(agentId: string, builders: Readonly<Record<string, readonly [ms: number, bytes: number]>>) {
  const warm = Object.entries(builders).map(([name, [warmedInMs, sizeBytes]]) => ({
    builder: token(name),
    digest: CURRENT,
    warmedInMs,
    sizeBytes,
  }));
  return agent(agentId, [], { warm });
}

test('a fetch takes what it took the agents in the middle, a builder what it takes where it is largest', () => {
  const agents = [
    having('x', { a: [100, 7] }),
    having('y', { a: [300, 9], b: [50, 3] }),
    having('z', { a: [900, 8] }),
  ];
  const { timings, sizes, usualSizeBytes } = measuredBy(agents, [], new Map());
  expect(timings.fetchMs.get(token('a'))).toBe(300);
  expect(timings.fetchMs.get(token('b'))).toBe(50);
  expect(sizes).toEqual(
    new Map([
      [token('a'), 9],
      [token('b'), 3],
    ]),
  );
  expect(usualSizeBytes).toBe(3);
});

test('how much slower than others an agent fetches is told by what both fetched', () => {
  const agents = [
    having('slow', { a: [400, 1], b: [80, 1] }),
    having('y', { a: [100, 1], b: [40, 1] }),
    having('z', { a: [100, 1], b: [40, 1] }),
  ];
  const { fetchFactor } = measuredBy(agents, [], new Map()).timings;
  expect(fetchFactor.get('slow')).toBe(2);
  expect(fetchFactor.get('y')).toBe(1);
});

test('what was never measured is taken for the usual one of this farm', () => {
  const agents = [having('x', { a: [100, 7], b: [300, 9], c: [500, 9] })];
  const buildMs = new Map([[token('a'), 20]]);
  const { timings } = measuredBy(agents, ['a', 'd'].map(token), buildMs);
  expect(timings.fetchMs.get(token('d'))).toBe(300);
  expect([...timings.buildMs]).toEqual([
    [token('a'), 20],
    [token('d'), 20],
  ]);
});

test('a farm that has measured nothing goes by what others measured, and guesses no sizes', () => {
  const told = agent('older', ['a'], { warm: [{ builder: token('a'), digest: CURRENT }] });
  const { timings, sizes, usualSizeBytes } = measuredBy([told], [token('a')], new Map());
  expect(timings.fetchMs.get(token('a'))).toBe(DEFAULT_FETCH_MS);
  expect(timings.buildMs.get(token('a'))).toBe(DEFAULT_BUILD_MS);
  expect(timings.fetchFactor.size + sizes.size).toBe(0);
  expect(usualSizeBytes).toBeUndefined();
});
