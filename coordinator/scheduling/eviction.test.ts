import { describe, expect, test } from 'vitest';
import { chanceOfAtLeast, copyValue } from './copy-value.ts';
import { evictionOrder, isOverBudget, makeRoom, roomBytes } from './eviction.ts';
import { BUILD_COST } from './fair-order.ts';
import { agent, farm, GB, pinned, STALE, token, waiting } from './small-farm.test.support.ts';

const order = (...args: Parameters<typeof evictionOrder>): readonly string[] =>
  evictionOrder(...args).map(({ builder }) => builder);

describe('what an agent may remove', () => {
  test('is ordered by demand × re-fetch cost, the least valuable first', () => {
    const one = agent('x', ['a', 'b', 'c']);
    const view = farm([one], [], { a: 5, b: 1, c: 3 });
    expect(order(one, view)).toEqual(['b', 'c', 'a'].map(token));
    const slow = { ...view.timings, fetchMs: new Map([[token('b'), 9_000_000]]) };
    expect(order(one, { ...view, timings: slow })).toEqual(['c', 'a', 'b'].map(token));
  });

  test('are further copies before the only one of something less wanted', () => {
    const one = agent('x', ['a', 'b']);
    const view = farm([one, agent('y', ['a'])], [], { a: 5, b: 3 });
    expect(order(one, view)).toEqual(['a', 'b'].map(token));
  });

  test('is first what upstream does not offer any more', () => {
    const one = agent('x', ['b'], { warm: [pinned('b'), pinned('a', STALE)] });
    expect(order(one, farm([one], [], { a: 50, b: 1 }))).toEqual(['a', 'b'].map(token));
  });

  test('is never what the operator pinned, nor what a build there uses', () => {
    const one = agent('x', ['a', 'b', 'c', 'd'], { running: [token('b')], ending: [token('d')] });
    expect(order(one, farm([one], [], {}, { pinned: new Set([token('a')]) }))).toEqual([token('c')]);
  });

  test('is never the last warm copy of what builds wait for, on machines that count', () => {
    const one = agent('x', ['a', 'b']);
    const sets = [waiting('a', 1)];
    expect(order(one, farm([one], sets))).toEqual([token('b')]);
    expect(order(one, farm([one, agent('y', ['a'], { isSuspect: true })], sets))).toEqual([token('b')]);
    expect(order(one, farm([one, agent('y', ['a'])], sets))).toContain(token('a'));
  });

  test('is that too where it makes room for a build that comes well before those', () => {
    const one = agent('x', ['a']);
    const view = farm([one], [waiting('a', 900, { firstScore: 5 * BUILD_COST })]);
    expect(order(one, view, undefined, BUILD_COST)).toEqual([token('a')]);
    expect(order(one, view, undefined, 4 * BUILD_COST)).toEqual([]);
  });
});

describe('room for a builder', () => {
  const sizes = { sizes: new Map([[token('b'), 2 * GB]]) };

  test('is what budget and disk leave, fetches under way counted', () => {
    expect(roomBytes(agent('x', ['a'], { diskBudgetBytes: 5 * GB }), sizes)).toBe(4 * GB);
    expect(roomBytes(agent('x', ['a'], { diskBudgetBytes: 5 * GB, warming: [pinned('b')] }), sizes)).toBe(
      2 * GB,
    );
    expect(roomBytes(agent('x', ['a'], { diskFreeBytes: 3 }), sizes)).toBe(3);
  });

  test('is less than none where the builders take more than they may', () => {
    expect(roomBytes(agent('x', ['a', 'c'], { diskBudgetBytes: GB }), sizes)).toBe(-GB);
  });

  test('is made by the cheapest few, or not at all', () => {
    const one = agent('x', ['a', 'b']);
    const cheapest = evictionOrder(one, farm([one], [], { a: 5, b: 1 }));
    expect(makeRoom(0, GB, cheapest)?.map(({ builder }) => builder)).toEqual([token('b')]);
    expect(makeRoom(0, 2 * GB, cheapest)).toHaveLength(2);
    expect(makeRoom(0, 3 * GB, cheapest)).toBeUndefined();
  });
});

test('builders that take more than they may are told of, but not where an agent drains or has no budget', () => {
  const view = farm([]);
  const both = (with_: Parameters<typeof agent>[2]): boolean =>
    isOverBudget(agent('x', ['a', 'b'], with_), view);
  expect(both({ diskBudgetBytes: 2 * GB })).toBe(false);
  expect(both({ diskBudgetBytes: 2 * GB - 1 })).toBe(true);
  expect(both({ diskBudgetBytes: GB, slots: 0 })).toBe(true);
  expect(both({ diskBudgetBytes: GB, draining: true })).toBe(false);
  const { diskBudgetBytes: _none, ...unlimited } = agent('x', ['a', 'b']);
  expect(isOverBudget(unlimited, view)).toBe(false);
});

test('a further copy is worth what it helps when the others are busy', () => {
  const view = farm([], [], { a: 36 });
  const values = [1, 2, 3].map((nth) => copyValue(view, token('a'), nth, 2));
  expect(values).toEqual([...values].sort((left, right) => right - left));
  expect(values[1]).toBeCloseTo((values[0] ?? 0) * chanceOfAtLeast(2, 1));
  expect(copyValue(view, token('b'), 1, 2)).toBe(0);
});

test('chances of a Poisson number', () => {
  expect(chanceOfAtLeast(0, 3)).toBe(1);
  expect(chanceOfAtLeast(1, 1)).toBeCloseTo(1 - Math.exp(-1));
  expect(chanceOfAtLeast(2, 1)).toBeCloseTo(1 - 2 * Math.exp(-1));
});
