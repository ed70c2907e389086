import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { etaOf, type Outlook, positionOf, remainingMs, retryAfterSeconds } from './eta.ts';

const outlook: Outlook = {
  position: 0,
  warmSlots: 4,
  freeWarmSlots: 0,
  comingSlots: 0,
  comingInMs: 0,
  buildMs: 100_000,
  fetchMs: 200_000,
};

describe('the time a build will take', () => {
  test('is one build where a slot is free', () => {
    expect(etaOf({ ...outlook, freeWarmSlots: 1 })).toEqual({ startsInMs: 0, doneInMs: 100_000 });
  });

  test('is what those before it need on the slots there are', () => {
    expect(etaOf({ ...outlook, position: 7 }).startsInMs).toBe(200_000);
  });

  test('is a fetch longer where nobody has the builder', () => {
    expect(etaOf({ ...outlook, warmSlots: 0 }).startsInMs).toBe(200_000);
    expect(etaOf({ ...outlook, warmSlots: 0, comingSlots: 2, comingInMs: 30_000 }).startsInMs).toBe(30_000);
  });

  test('is shorter when another agent will have it soon', () => {
    const long = { ...outlook, position: 40 };
    const helped = etaOf({ ...long, comingSlots: 4, comingInMs: 100_000 });
    expect(helped.startsInMs).toBeLessThan(etaOf(long).startsInMs);
    expect(helped.startsInMs).toBeGreaterThan(100_000);
  });

  test('never shrinks with more builds before it', () => {
    const numbers = fc.record({
      position: fc.nat(500),
      warmSlots: fc.nat(20),
      freeWarmSlots: fc.nat(20),
      comingSlots: fc.nat(8),
      comingInMs: fc.nat(300_000),
    });
    fc.assert(
      fc.property(numbers, (some) => {
        const one = { ...outlook, ...some, freeWarmSlots: Math.min(some.freeWarmSlots, some.warmSlots) };
        const { startsInMs } = etaOf(one);
        expect(Number.isFinite(startsInMs) && startsInMs >= 0).toBe(true);
        expect(etaOf({ ...one, position: one.position + 1 }).startsInMs).toBeGreaterThanOrEqual(startsInMs);
      }),
    );
  });
});

test('the position counts of other builders what will run on shared slots', () => {
  expect(positionOf(3)).toBe(3);
  expect(
    positionOf(3, [
      { before: 10, slots: 4, sharedSlots: 2 },
      { before: 9, slots: 2, sharedSlots: 0 },
    ]),
  ).toBe(8);
  expect(positionOf(0, [{ before: 5, slots: 0, sharedSlots: 0 }])).toBe(0);
});

test('of a build that runs the rest of the usual time is left, and never nothing', () => {
  expect([0, 40_000, 99_000, 500_000, -5].map((ranMs) => remainingMs(100_000, ranMs))).toEqual([
    100_000, 60_000, 10_000, 10_000, 100_000,
  ]);
});

test('to ask again makes sense after a part of what is left, within bounds', () => {
  expect([0, 50_000, 100_000, 3_600_000].map(retryAfterSeconds)).toEqual([2, 5, 10, 30]);
});
