import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  LEASES_KEY,
  LIFE_KEY,
  PUBLISHING_KEY,
  QUEUED_KEY,
  UNPUBLISHED_KEY,
  UNPURGED_KEY,
  WHOLE_KEY,
} from './keys.ts';
import { redisNowMs } from './redis-now.ts';

/** Builds of which one thing is due are told this many at a time. */
const MOST = 100;

/** Which builds are unfinished, and what is due for which: what repairs ask. */
export class BuildIndex {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Hashes of all unfinished builds. */
  async unfinishedHashes(): Promise<ReadonlySet<string>> {
    const [queued, leased, publishing] = await Promise.all([
      this.#redis.zrange(QUEUED_KEY, '0', '-1'),
      this.#redis.zrange(LEASES_KEY, '0', '-1'),
      this.#redis.zrange(PUBLISHING_KEY, '0', '-1'),
    ]);
    return new Set([...queued, ...leased.map((key) => key.slice(0, 64)), ...publishing]);
  }

  /** How many unfinished builds there are, and of how many builds the second copy may not be there yet, or be there still. */
  async counts(): Promise<{
    readonly unfinished: number;
    readonly unpublished: number;
    readonly unpurged: number;
  }> {
    const keys = [QUEUED_KEY, LEASES_KEY, PUBLISHING_KEY, UNPUBLISHED_KEY, UNPURGED_KEY];
    const [queued = 0, leased = 0, publishing = 0, unpublished = 0, unpurged = 0] = await Promise.all(
      keys.map((key) => this.#redis.zcard(key)),
    );
    return { unfinished: queued + leased + publishing, unpublished, unpurged };
  }

  /**
   * A mark that Redis has until it loses its data, never the same again: while it is what it was, Redis still has what it had then.
   * A command may wait for Redis to come back, so that of two which follow each other only the second meets an empty one.
   */
  async life(): Promise<string> {
    const mark = randomBytes(8).toString('hex');
    return (await this.#redis.set(LIFE_KEY, mark, 'NX', 'GET')) ?? mark;
  }

  /** Whether Redis has all unfinished builds; false from when it lost its data until they are put back. */
  async isWhole(): Promise<boolean> {
    const [life, whole] = await this.#redis.mget(LIFE_KEY, WHOLE_KEY);
    return life !== null && life === whole;
  }

  /** Marks that all are back: in that life of Redis, not in one that began since. */
  async markWhole(life: string): Promise<void> {
    await this.#redis.set(WHOLE_KEY, life);
  }

  /** Hashes in `publishing` for at least `olderThanMs`, oldest first, at most 100. */
  async publishingFor(olderThanMs: number): Promise<readonly string[]> {
    return await this.#olderThan(PUBLISHING_KEY, olderThanMs);
  }

  /** Builds whose messages on NATS were not confirmed within `olderThanMs`, at most 100. */
  async unpublishedFor(olderThanMs: number): Promise<readonly string[]> {
    return await this.#olderThan(UNPUBLISHED_KEY, olderThanMs);
  }

  /** Whether a build's messages on NATS are still to be confirmed. */
  async isUnpublished(hash: string): Promise<boolean> {
    return (await this.#redis.zscore(UNPUBLISHED_KEY, hash)) !== null;
  }

  /** Final builds whose second copy was not confirmed gone within `olderThanMs`, at most 100. */
  async unpurgedFor(olderThanMs: number): Promise<readonly string[]> {
    return await this.#olderThan(UNPURGED_KEY, olderThanMs);
  }

  async markPurged(hash: string): Promise<void> {
    await this.#redis.zrem(UNPURGED_KEY, hash);
  }

  async #olderThan(key: string, ageMs: number): Promise<readonly string[]> {
    const until = (await redisNowMs(this.#redis)) - ageMs;
    return await this.#redis.zrangebyscore(key, '-inf', until, 'LIMIT', 0, MOST);
  }
}
