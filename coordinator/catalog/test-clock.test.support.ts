import type { Clock } from '../../shared/clock.ts';

/** A clock whose time stands still until it is moved; sleeping ends at once. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function createTestClock(): TestClock {
  let now = 1_790_000_000_000;
  return {
    now: () => now,
    sleep: async (ms) => {
      // Real time has to pass a little, so that a race against a local server has both outcomes in their order.
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 200)));
    },
    advance: (ms) => {
      now += ms;
    },
  };
}
