import { expect, test } from 'vitest';
import { effectiveBudgetBytes, planRoom, type Removable } from './plan-room.ts';

const removable: readonly Removable[] = [
  { builder: 'one', digest: '1', sizeBytes: 10 },
  { builder: 'two', digest: '2', sizeBytes: 30 },
  { builder: 'three', digest: '3', sizeBytes: 20 },
];
const wanted = [{ sizeBytes: 25, growthBytes: 30 }];
const wide = { usedBytes: 60, freeBytes: 1000 };

function removed(plan: ReturnType<typeof planRoom>): readonly string[] | undefined {
  return plan.fits ? plan.remove.map((each) => each.builder) : undefined;
}

test('where there is room nothing is removed', () => {
  expect(removed(planRoom(wanted, wide, { reserveBytes: 970 }, removable))).toEqual([]);
  expect(removed(planRoom(wanted, wide, { reserveBytes: 0, budgetBytes: 85 }, removable))).toEqual([]);
});

test('what may go goes in its order, and no more than is needed', () => {
  const within = (budgetBytes: number) =>
    removed(planRoom(wanted, wide, { reserveBytes: 0, budgetBytes }, removable));
  expect(within(84)).toEqual(['one']);
  expect(within(75)).toEqual(['one']);
  expect(within(74)).toEqual(['one', 'two']);
  expect(within(25)).toEqual(['one', 'two', 'three']);
});

test('the archive counts on the disk, and not in the budget', () => {
  expect(removed(planRoom(wanted, wide, { reserveBytes: 971 }, removable))).toEqual(['one']);
});

test('what does not fit removes nothing and says which limit it breaks', () => {
  expect(planRoom(wanted, wide, { reserveBytes: 0, budgetBytes: 20 }, removable)).toEqual({
    fits: false,
    limit: 'budget',
    lackingBytes: 5,
  });
  expect(
    planRoom(wanted, { ...wide, freeBytes: 0 }, { reserveBytes: 100, budgetBytes: 80 }, removable),
  ).toEqual({
    fits: false,
    limit: 'disk',
    lackingBytes: 70,
  });
  expect(planRoom(wanted, wide, { reserveBytes: 0, budgetBytes: 84 }, [])).toMatchObject({ fits: false });
});

test('room is not given twice: what is under way counts', () => {
  const other = { sizeBytes: 5, growthBytes: 3 };
  const limits = { reserveBytes: 0, budgetBytes: 85 };
  expect(removed(planRoom([...wanted, other], wide, limits, removable))).toEqual(['one']);
});

test('the farm is told the smaller of budget and disk without the reserve', () => {
  const use = { usedBytes: 50, freeBytes: 40 };
  expect(effectiveBudgetBytes({ reserveBytes: 0 }, use)).toBeUndefined();
  expect(effectiveBudgetBytes({ reserveBytes: 0, budgetBytes: 70 }, use)).toBe(70);
  expect(effectiveBudgetBytes({ reserveBytes: 30, budgetBytes: 70 }, use)).toBe(60);
  expect(effectiveBudgetBytes({ reserveBytes: 30 }, use)).toBe(60);
});

test('and less than the builders take when the disk is full, so that some of them go', () => {
  expect(effectiveBudgetBytes({ reserveBytes: 45 }, { usedBytes: 50, freeBytes: 40 })).toBe(45);
  expect(effectiveBudgetBytes({ reserveBytes: 100 }, { usedBytes: 50, freeBytes: 40 })).toBe(0);
});
