import type { Redis } from 'ioredis';
import { dayKey } from './stat-keys.ts';

/** Days that are read at a time: all of half a year at once would keep everybody else waiting. */
const PARALLEL_DAYS = 7;
const PREFIX = 'successes:';

/** Images built on one day, by version. */
export type DayOfVersions = ReadonlyMap<string, number>;

/** How many images of each version were built, day by day. A day that is over does not change, so it is read once. */
export class VersionCounts {
  readonly #redis: Redis;
  /** Of the days asked for last that are over. */
  #past: ReadonlyMap<string, DayOfVersions> = new Map();

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** @param days in their order, the last being today; at midnight other coordinators may still write to the one before. */
  async of(days: readonly string[]): Promise<ReadonlyMap<string, DayOfVersions>> {
    const counts = new Map<string, DayOfVersions>();
    for (let from = 0; from < days.length; from += PARALLEL_DAYS) {
      const some = days.slice(from, from + PARALLEL_DAYS);
      const read = await Promise.all(some.map(async (day) => this.#past.get(day) ?? (await this.#read(day))));
      for (const [at, day] of some.entries()) counts.set(day, read[at] ?? new Map());
    }
    const changing = new Set(days.slice(-2));
    this.#past = new Map([...counts].filter(([day]) => !changing.has(day)));
    return counts;
  }

  async #read(day: string): Promise<DayOfVersions> {
    const fields = Object.entries(await this.#redis.hgetall(dayKey(day)));
    return new Map(
      fields
        .filter(([name]) => name.startsWith(PREFIX))
        .map(([name, count]) => [name.slice(PREFIX.length), Number(count)]),
    );
  }
}
