import type { Redis } from 'ioredis';
import { KEEPER_LOCK_KEY } from '../builds/keys.ts';

/** Renews the lock only for who holds it, and takes it only when nobody does. */
const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`;

/** Picks the one coordinator whose keeper works. All its actions are repeatable, so that two for a moment do no harm. */
export class KeeperLock {
  readonly #redis: Redis;
  readonly #holder: string;
  readonly #holdMs: number;

  constructor(redis: Redis, holder: string, holdMs: number) {
    this.#redis = redis;
    this.#holder = holder;
    this.#holdMs = holdMs;
  }

  /** True when this coordinator holds the lock for another `holdMs`. */
  async hold(): Promise<boolean> {
    return (await this.#redis.eval(HOLD, 1, KEEPER_LOCK_KEY, this.#holder, this.#holdMs)) === 1;
  }

  async release(): Promise<void> {
    await this.#redis.eval(RELEASE, 1, KEEPER_LOCK_KEY, this.#holder);
  }
}
