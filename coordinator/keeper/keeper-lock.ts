import type { Redis } from 'ioredis';
import { KEEPER_LOCK_KEY, KEEPER_TERM_KEY } from '../builds/keys.ts';

/** Renews the lock only for who holds it, and takes it only when nobody does: that begins a new term. */
const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if holder then return redis.call('GET', KEYS[2]) end
return tostring(redis.call('INCR', KEYS[2]))`;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`;

/**
 * Picks the one coordinator whose keeper works. All its actions are repeatable, so that two for a moment do no harm; what must not
 * be done by one that was replaced carries the term, and is refused in Redis.
 */
export class KeeperLock {
  readonly #redis: Redis;
  readonly #holder: string;
  readonly #holdMs: number;

  constructor(redis: Redis, holder: string, holdMs: number) {
    this.#redis = redis;
    this.#holder = holder;
    this.#holdMs = holdMs;
  }

  /** The term in which this coordinator holds the lock for another `holdMs`; undefined when another one does. */
  async hold(): Promise<string | undefined> {
    const term = await this.#redis.eval(
      HOLD,
      2,
      KEEPER_LOCK_KEY,
      KEEPER_TERM_KEY,
      this.#holder,
      this.#holdMs,
    );
    return typeof term === 'string' ? term : undefined;
  }

  async release(): Promise<void> {
    await this.#redis.eval(RELEASE, 1, KEEPER_LOCK_KEY, this.#holder);
  }
}
