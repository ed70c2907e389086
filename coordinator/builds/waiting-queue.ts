import type { Redis } from 'ioredis';
import { LANES, type Lane } from '../../shared/domain/build-spec.ts';
import type { WaitingView } from '../scheduling/farm-view.ts';
import type { BuildRecord } from './build-record.ts';
import { QUEUED_KEY, waitingKey } from './keys.ts';
import { redisNowMs } from './redis-now.ts';
import type { RedisScripts, ScriptAnswer } from './redis-scripts.ts';

/** One non-empty waiting set. */
export interface WaitingSet {
  readonly lane: Lane;
  readonly builder: string;
  readonly count: number;
  /** Hash of the build that is claimed first. */
  readonly first: string;
  /** The same by the digest that is waited for; one part but while upstream changes a builder. */
  readonly parts: readonly WaitingPart[];
}

/** What waits for one digest in a set. */
export interface WaitingPart extends WaitingView {
  /** Hash of its first build. */
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

  /** The non-empty waiting sets. @param only reads this one alone. */
  async waitingSets(only?: {
    readonly lane: Lane;
    readonly builder: string;
  }): Promise<readonly WaitingSet[]> {
    const args = only ? { only: `${only.lane}:${only.builder}` } : {};
    const { sets } = await this.#scripts.run('read-waiting', args);
    return sets.flatMap(({ set, count, first, parts }): readonly WaitingSet[] => {
      const at = set.indexOf(':');
      const lane = LANES.find((each) => each === set.slice(0, at));
      const builder = set.slice(at + 1);
      if (!lane) return [];
      const viewOf = (part: (typeof parts)[number]): WaitingPart => ({
        lane,
        builder,
        digest: part.digest,
        count: part.count,
        first: part.first,
        firstScore: Number(part.firstScore),
        avoidAgent: part.avoidAgent,
      });
      return [{ lane, builder, count, first, parts: parts.map(viewOf) }];
    });
  }

  /** Hashes that wait for a builder, first come first. */
  async waitingHashes(lane: Lane, builder: string, most: number): Promise<readonly string[]> {
    return await this.#redis.zrange(waitingKey(lane, builder), '0', String(most - 1));
  }

  /** How many builds of each of these sets come before a queued one in fair order. */
  async countsBefore(
    { score }: Pick<BuildRecord, 'score'>,
    sets: readonly { readonly lane: Lane; readonly builder: string }[],
  ): Promise<readonly number[]> {
    if (sets.length === 0 || score === null) return sets.map(() => 0);
    const pipeline = this.#redis.pipeline();
    for (const { lane, builder } of sets) pipeline.zcount(waitingKey(lane, builder), '-inf', `(${score}`);
    const counts = (await pipeline.exec()) ?? [];
    return counts.map(([error, count]) => {
      if (error) throw error;
      return Number(count);
    });
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
