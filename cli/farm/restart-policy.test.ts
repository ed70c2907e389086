import { expect, test } from 'vitest';
import { FRESH, planRestart, STEADY_MS } from './restart-policy.ts';

test('a child that dies at once is started again quickly, then ever more slowly, at most every 10 s', () => {
  let history = FRESH;
  const delays = Array.from({ length: 9 }, () => {
    const plan = planRestart(history, 5);
    history = plan.history;
    return plan.delayMs;
  });
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
});

test('a child that lived for a minute starts with the first delay again', () => {
  const { history } = planRestart({ earlyDeaths: 7 }, STEADY_MS - 1);
  expect(planRestart(history, STEADY_MS).delayMs).toBe(100);
});
