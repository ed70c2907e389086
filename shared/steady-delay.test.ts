import { expect, test } from 'vitest';
import { steadyDelay } from './steady-delay.ts';

test('the first try is made at once, each further one after the wait, however the time of day changes', () => {
  let now = 5_000;
  const delay = steadyDelay(100, () => now);
  expect(delay()).toBe(Number.NEGATIVE_INFINITY);
  expect(delay()).toBe(100);
  now += 60;
  expect(delay()).toBe(40);
  now += 40;
  expect(delay()).toBe(Number.NEGATIVE_INFINITY);
  expect(delay()).toBe(100);
});
