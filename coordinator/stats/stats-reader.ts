import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type BuildError, BuildErrorSchema } from './build-error.ts';
import { dayLabel, lastDays, lastHours, lastWeeks } from './calendar.ts';
import {
  ALL_BRANCHES,
  branchLabel,
  dayKey,
  ERRORS_KEY,
  packagesKey,
  type StatEvent,
  topPackagesKey,
} from './stat-keys.ts';

/** A chart in the form of asu's pages: one number for each label in each data set (contract 2.11). */
export interface Chart {
  readonly labels: readonly string[];
  readonly datasets: readonly {
    readonly label: string;
    readonly data: readonly number[];
    readonly color?: string;
  }[];
}

export interface PackageCount {
  readonly name: string;
  readonly count: number;
}

/** Days that the daily chart and the top packages look back. Source: asu, `N_DAYS`. */
export const STAT_DAYS = 30;
/** Weeks that the chart of versions looks back. Source: asu, `get_builds_by_version`. */
const STAT_WEEKS = 26;
/** How long a sum over days is used, seconds. */
const TOP_KEPT_SECONDS = 60;

/** Source of names, order and colours: asu, `get_builds_per_day`. */
const DAILY: readonly { readonly event: StatEvent; readonly label: string; readonly color: string }[] = [
  { event: 'requests', label: 'Requests', color: 'green' },
  { event: 'cache-hits', label: 'Cache-Hits', color: 'orange' },
  { event: 'failures', label: 'Failures', color: 'red' },
];

/** Reads what `StatsRecorder` counted. */
export class StatsReader {
  readonly #redis: Redis;
  readonly #clock: Clock;

  constructor(deps: { readonly redis: Redis; readonly clock: Clock }) {
    this.#redis = deps.redis;
    this.#clock = deps.clock;
  }

  /** Images built in the last day: 23 whole hours and the one that runs. */
  async buildsOfLastDay(): Promise<number> {
    const hours = lastHours(this.#clock.now());
    const days = [...new Set(hours.map(({ day }) => day))];
    const counts = await this.#days(days);
    return hours.reduce((sum, { day, hour }) => sum + (counts.get(day)?.get(`successes@${hour}`) ?? 0), 0);
  }

  async buildsPerDay(): Promise<Chart> {
    const days = lastDays(this.#clock.now(), STAT_DAYS);
    const counts = await this.#days(days);
    return {
      labels: days.map(dayLabel),
      datasets: DAILY.map(({ event, label, color }) => ({
        label,
        data: days.map((day) => counts.get(day)?.get(event) ?? 0),
        color,
      })),
    };
  }

  /** Images built by week; of each version whose name begins with `branch`, or of each branch. */
  async buildsByVersion(branch: string | undefined): Promise<Chart> {
    const weeks = lastWeeks(this.#clock.now(), STAT_WEEKS);
    const counts = await this.#days(weeks.flat());
    const series = new Map<string, number[]>();
    for (const [at, days] of weeks.entries()) {
      for (const [name, count] of days.flatMap((day) => [...(counts.get(day) ?? [])])) {
        const version = /^successes:(.+)$/.exec(name)?.[1];
        if (version === undefined || (branch !== undefined && !version.startsWith(branch))) continue;
        const label = branch === undefined ? branchLabel(version) : version;
        const data = series.get(label) ?? weeks.map(() => 0);
        data[at] = (data[at] ?? 0) + count;
        series.set(label, data);
      }
    }
    return {
      labels: weeks.map(([first = '']) => dayLabel(first)),
      datasets: [...series].map(([label, data]) => ({ label, data })).sort(byLabel),
    };
  }

  /** The packages asked for most often in the last 30 days, over all branches or for one. */
  async topPackages(branch: string | undefined, count: number): Promise<readonly PackageCount[]> {
    const of = branch ?? ALL_BRANCHES;
    const key = topPackagesKey(of);
    if ((await this.#redis.exists(key)) === 0) await this.#sumPackages(key, of);
    const flat = await this.#redis.zrevrange(key, 0, count - 1, 'WITHSCORES');
    return Array.from({ length: flat.length / 2 }, (_, at) => ({
      name: flat[2 * at] ?? '',
      count: Number(flat[2 * at + 1]),
    }));
  }

  /** The newest build errors, newest first. */
  async buildErrors(count: number): Promise<readonly BuildError[]> {
    const entries = await this.#redis.lrange(ERRORS_KEY, 0, count - 1);
    return entries.map((entry) => parseJsonAs(BuildErrorSchema, entry, 'build error in Redis'));
  }

  async #sumPackages(key: string, branch: string): Promise<void> {
    const days = lastDays(this.#clock.now(), STAT_DAYS).map((day) => packagesKey(day, branch));
    await this.#redis
      .multi()
      .zunionstore(key, days.length, ...days)
      .expire(key, TOP_KEPT_SECONDS)
      .exec();
  }

  async #days(days: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
    const hashes = await Promise.all(days.map((day) => this.#redis.hgetall(dayKey(day))));
    return new Map(
      days.map((day, at) => [
        day,
        new Map(Object.entries(hashes[at] ?? {}).map(([name, count]) => [name, Number(count)])),
      ]),
    );
  }
}

function byLabel(left: { readonly label: string }, right: { readonly label: string }): number {
  return left.label < right.label ? -1 : 1;
}
