import { expect, test } from 'vitest';
import { inParallel } from './in-parallel.ts';

test('every item is worked on, and never more than the limit at once', async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test('what fails is thrown once what was begun has ended, and nothing else is begun', async () => {
  const begun: number[] = [];
  let ended = 0;
  const working = inParallel([1, 2, 3, 4], 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('the first');
    await Promise.resolve();
    ended += 1;
  });
  await expect(working).rejects.toThrow('the first');
  expect(begun).toEqual([1, 2]);
  expect(ended).toBe(1);
});
