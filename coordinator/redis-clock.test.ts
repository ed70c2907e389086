import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RedisClock } from './redis-clock.ts';

const DAY_MS = 86_400_000;
let redisMs: number;
const redis = {
  time: async () => [Math.floor(redisMs / 1_000), (redisMs % 1_000) * 1_000] as [number, number],
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  redisMs = Date.now() - DAY_MS;
});

afterEach(() => {
  vi.useRealTimers();
});

test('the time is that of Redis, and goes on between two readings', async () => {
  const clock = await RedisClock.open(redis);
  expect(clock.now()).toBe(redisMs);
  vi.advanceTimersByTime(700);
  expect(clock.now()).toBe(redisMs + 700);
});

test('setting the clock of the machine changes nothing', async () => {
  const clock = await RedisClock.open(redis);
  vi.setSystemTime(Date.now() + DAY_MS);
  expect(clock.now()).toBe(redisMs);
});

test('where the clock of Redis is set, the next reading follows', async () => {
  const clock = await RedisClock.open(redis);
  redisMs += DAY_MS;
  await clock.read();
  expect(clock.now()).toBe(redisMs);
});

test('a reading that fails leaves it going', async () => {
  const clock = await RedisClock.open(redis);
  const failing = vi.spyOn(redis, 'time').mockRejectedValue(new Error('Redis is away'));
  await expect(clock.read()).rejects.toThrow('away');
  failing.mockRestore();
  expect(clock.now()).toBe(redisMs);
});
