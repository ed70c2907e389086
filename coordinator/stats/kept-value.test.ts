import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { KeptValue } from './kept-value.ts';

let now: number;
let made: number;

const clock: Clock = { now: () => Number.NaN, steadyMs: () => now, sleep: async () => undefined };

beforeEach(() => {
  now = 1_000_000;
  made = 0;
});

describe('a kept value', () => {
  const kept = (): KeptValue<number> => new KeptValue(clock, 60_000, async () => ++made);

  test('is made once for all who want it within its time', async () => {
    const value = kept();
    expect(await Promise.all([value.get(), value.get()])).toEqual([1, 1]);
    now += 59_999;
    expect(await value.get()).toBe(1);
  });

  test('is made anew when its time is over', async () => {
    const value = kept();
    await value.get();
    now += 60_000;
    expect(await value.get()).toBe(2);
  });

  test('that could not be made is tried again', async () => {
    const value = new KeptValue(clock, 60_000, async () => {
      made += 1;
      if (made === 1) throw new Error('not yet');
      return made;
    });
    const both = await Promise.allSettled([value.get(), value.get()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await value.get()).toBe(2);
  });
});
