import type { Redis } from 'ioredis';

/** Redis' clock, epoch milliseconds: the only one that decides what coordinators share. */
export async function redisNowMs(redis: Pick<Redis, 'time'>): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
