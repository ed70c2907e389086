import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../shared/clock.ts';

/** A clock whose time stands still until it is moved. */
export interface TestClock extends Clock {
  advance(ms: number): void;
  /** How often somebody slept to the end. */
  readonly sleeps: number;
}

export function createTestClock(): TestClock {
  let now = 1_790_000_000_000;
  let sleeps = 0;
  return {
    now: () => now,
    // Another time than that of day, which may be set.
    steadyMs: () => now - 1_780_000_000_000,
    sleep: async (ms, signal) => {
      // Real time has to pass a little, so that a race against a local server has both outcomes in their order.
      await sleep(Math.min(ms, 200), undefined, signal ? { signal } : {});
      sleeps += 1;
    },
    advance: (ms) => {
      now += ms;
    },
    get sleeps() {
      return sleeps;
    },
  };
}
