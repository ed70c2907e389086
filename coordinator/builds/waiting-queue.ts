import type { Redis } from 'ioredis';
import { LANES, type Lane } from '../../shared/domain/build-spec.ts';
import { QUEUED_KEY, WAITING_SETS_KEY, waitingKey } from './keys.ts';
import { redisNowMs } from './redis-now.ts';
import type { RedisScripts, ScriptAnswer } from './redis-scripts.ts';

/** One non-empty waiting set. */
export interface WaitingSet {
  readonly lane: Lane;
  readonly builder: string;
  readonly count: number;
  /** Hash of the build that is claimed first. */
  readonly first: string;
}

/** Reads what waits. */
export class WaitingQueue {
  readonly #redis: Redis;
  readonly #scripts: RedisScripts;

  constructor(redis: Redis, scripts: RedisScripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /** The non-empty waiting sets. */
  async waitingSets(): Promise<readonly WaitingSet[]> {
    const names = await this.#redis.smembers(WAITING_SETS_KEY);
    const sets = await Promise.all(
      names.map(async (name): Promise<WaitingSet | undefined> => {
        const at = name.indexOf(':');
        const lane = LANES.find((each) => each === name.slice(0, at));
        const builder = name.slice(at + 1);
        if (!lane) return undefined;
        const key = waitingKey(lane, builder);
        const [count, [first]] = await Promise.all([
          this.#redis.zcard(key),
          this.#redis.zrange(key, '0', '0'),
        ]);
        return first === undefined ? undefined : { lane, builder, count, first };
      }),
    );
    return sets.filter((set) => set !== undefined);
  }

  /** Hashes that wait for a builder, first come first. */
  async waitingHashes(lane: Lane, builder: string, most: number): Promise<readonly string[]> {
    return await this.#redis.zrange(waitingKey(lane, builder), '0', String(most - 1));
  }

  /** Lets builds whose back-off is over be claimed again, and tells which. */
  async releaseDelayed(): Promise<ScriptAnswer<'release-delayed'>['builds']> {
    return (await this.#scripts.run('release-delayed', {})).builds;
  }

  async queuedCount(): Promise<number> {
    return await this.#redis.zcard(QUEUED_KEY);
  }

  /** How long the oldest queued build has waited, milliseconds; 0 when none waits. */
  async oldestWaitMs(): Promise<number> {
    const [, acceptedAt] = await this.#redis.zrange(QUEUED_KEY, '0', '0', 'WITHSCORES');
    return acceptedAt === undefined ? 0 : Math.max(0, (await redisNowMs(this.#redis)) - Number(acceptedAt));
  }
}
