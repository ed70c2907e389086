import type { Redis } from 'ioredis';
import { type Clock, systemClock } from '../shared/clock.ts';
import { runLoop } from '../shared/lifecycle.ts';
import { redisNowMs } from './builds/redis-now.ts';

/** How often Redis is asked what time it is, milliseconds. */
const READ_MS = 1_000;

/**
 * A clock that has Redis' time of day, whatever the one of this machine says: what a coordinator writes for the others, removes,
 * or tells of a time in Redis does not depend on who does it. Between two readings, and while Redis is away, it goes on evenly.
 */
export class RedisClock implements Clock {
  readonly #redis: Pick<Redis, 'time'>;
  readonly sleep = systemClock.sleep;
  readonly steadyMs = systemClock.steadyMs;
  /** Epoch milliseconds when `steadyMs` was 0. */
  #beganAt: number;

  private constructor(redis: Pick<Redis, 'time'>, beganAt: number) {
    this.#redis = redis;
    this.#beganAt = beganAt;
  }

  /** A clock that was read once. Throws what asking Redis throws. */
  static async open(redis: Pick<Redis, 'time'>): Promise<RedisClock> {
    const clock = new RedisClock(redis, 0);
    await clock.read();
    return clock;
  }

  now(): number {
    return Math.round(this.#beganAt + this.steadyMs());
  }

  /** Takes over what time it is. */
  async read(): Promise<void> {
    this.#beganAt = (await redisNowMs(this.#redis)) - this.steadyMs();
  }

  /** Reads it again and again until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const step = async (): Promise<number> => {
      await this.read();
      return READ_MS;
    };
    // While Redis is away, others say so.
    await runLoop(step, {
      signal,
      clock: systemClock,
      backoff: { minMs: READ_MS, maxMs: READ_MS },
      onError: () => undefined,
    });
  }
}
