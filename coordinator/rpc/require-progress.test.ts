import { expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { requireProgress } from './require-progress.ts';

/** A clock on which all sleeps end when they are told to, and none before. */
function standingClock(): Clock & { wake(): void; readonly sleepers: number } {
  const sleepers = new Set<() => void>();
  return {
    now: () => 0,
    steadyMs: () => 0,
    sleep: async (_ms, signal) =>
      await new Promise((resolve, reject) => {
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => {
          sleepers.delete(resolve);
          reject(signal.reason);
        });
      }),
    wake: () => {
      for (const resolve of sleepers) resolve();
    },
    get sleepers() {
      return sleepers.size;
    },
  };
}

async function* numbers(): AsyncGenerator<number> {
  yield* [1, 2, 3];
}

async function* oneThenNothing(): AsyncGenerator<number> {
  yield 1;
  await new Promise(() => undefined);
}

test('what comes in time is passed on to its end, and nobody sleeps on', async () => {
  const clock = standingClock();
  const passed: number[] = [];
  for await (const each of requireProgress(numbers(), 1_000, clock)) passed.push(each);
  expect(passed).toEqual([1, 2, 3]);
  expect(clock.sleepers).toBe(0);
});

test('what does not come in time ends it', async () => {
  const clock = standingClock();
  const items = requireProgress(oneThenNothing(), 1_000, clock);
  expect((await items.next()).value).toBe(1);
  const next = items.next();
  clock.wake();
  await expect(next).rejects.toMatchObject({ code: 'unavailable', message: 'nothing came for 1000 ms' });
});

test('a reader that takes its time is no stall', async () => {
  const clock = standingClock();
  const items = requireProgress(oneThenNothing(), 1_000, clock);
  await items.next();
  expect(clock.sleepers).toBe(0);
});
