import type { Redis } from 'ioredis';
import { PINNED_BUILDERS_KEY } from '../builds/keys.ts';

/** Builders the operator wants warm always, by token; remembered until unpinned. */
export class PinnedBuilders {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async all(): Promise<ReadonlySet<string>> {
    return new Set(await this.#redis.smembers(PINNED_BUILDERS_KEY));
  }

  /** @returns false when it was pinned before. */
  async pin(builder: string): Promise<boolean> {
    return (await this.#redis.sadd(PINNED_BUILDERS_KEY, builder)) > 0;
  }

  /** @returns whether it was pinned before. */
  async unpin(builder: string): Promise<boolean> {
    return (await this.#redis.srem(PINNED_BUILDERS_KEY, builder)) > 0;
  }
}
