import { beforeEach, expect, test } from 'vitest';
import { Health } from './health.ts';

let now: number;
let health: Health;
beforeEach(() => {
  now = 1_790_000_000_000;
  health = new Health({ now: () => Number.NaN, steadyMs: () => now, sleep: async () => undefined });
});

/** Looks every half second for a time, each with the same finding. */
function lookFor(ms: number, isWell = true): void {
  for (const end = now + ms; now < end; ) {
    now += 500;
    health.look(isWell);
  }
}

test('nothing is well before the first look, and for no time at it', () => {
  expect(health.wellMs).toBe(0);
  now += 60_000;
  expect(health.wellMs).toBe(0);
  health.look(true);
  expect(health.wellMs).toBe(0);
});

test('wellness grows with time from the first good look', () => {
  health.look(true);
  lookFor(15_000);
  expect(health.wellMs).toBe(15_000);
  now += 400;
  expect(health.wellMs).toBe(15_400);
});

test('one bad look ends it, and it starts over with the next good one', () => {
  health.look(true);
  lookFor(15_000);
  health.look(false);
  expect(health.wellMs).toBe(0);
  lookFor(2_000, false);
  expect(health.wellMs).toBe(0);
  lookFor(2_000);
  expect(health.wellMs).toBe(1_500);
});

test.each([20_000, -3_600_000])('a jump of %i ms between two looks starts over', (jumpMs) => {
  health.look(true);
  lookFor(15_000);
  now += jumpMs;
  health.look(true);
  expect(health.wellMs).toBe(0);
  lookFor(1_000);
  expect(health.wellMs).toBe(1_000);
});

test('a look that is a little late is no break', () => {
  health.look(true);
  now += 1_500;
  health.look(true);
  expect(health.wellMs).toBe(1_500);
});

test('beats between looks that take long keep it well, and find a freeze', () => {
  health.look(true);
  for (let beats = 0; beats < 20; beats += 1) {
    now += 500;
    health.beat();
  }
  expect(health.wellMs).toBe(10_000);
  now += 5_000;
  health.beat();
  expect(health.wellMs).toBe(0);
});

test.each([20_000, -3_600_000])('a jump of the clock of Redis by %i ms starts over', (jumpMs) => {
  for (const end = now + 15_000; now < end; ) {
    now += 500;
    health.look(true, now + 42_000);
  }
  expect(health.wellMs).toBe(14_500);
  now += 500;
  health.look(true, now + 42_000 + jumpMs);
  expect(health.wellMs).toBe(0);
  now += 500;
  health.look(true, now + 42_000 + jumpMs);
  expect(health.wellMs).toBe(500);
});
