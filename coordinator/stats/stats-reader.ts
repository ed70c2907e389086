import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type BuildError, BuildErrorSchema } from './build-error.ts';
import { dayLabel, lastDays, lastHours, lastWeeks } from './calendar.ts';
import { KeptValue } from './kept-value.ts';
import {
  ALL_BRANCHES,
  branchLabel,
  dayKey,
  ERRORS_KEY,
  packagesKey,
  type StatEvent,
  topPackagesKey,
} from './stat-keys.ts';
import { VersionCounts } from './version-counts.ts';

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
const KEPT_SECONDS = 60;

/** Source of names, order and colours: asu, `get_builds_per_day`. */
const DAILY: readonly { readonly event: StatEvent; readonly label: string; readonly color: string }[] = [
  { event: 'requests', label: 'Requests', color: 'green' },
  { event: 'cache-hits', label: 'Cache-Hits', color: 'orange' },
  { event: 'failures', label: 'Failures', color: 'red' },
];

/** Images built in each of the last weeks. */
interface Weeks {
  readonly labels: readonly string[];
  readonly byVersion: ReadonlyMap<string, readonly number[]>;
}

/**
 * Reads what `StatsRecorder` counted. What is summed over days is used for a minute, and worked out by one of all who ask; what is
 * held does not depend on what clients ask for.
 */
export class StatsReader {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #counts: VersionCounts;
  readonly #daily: KeptValue<Chart>;
  readonly #weeks: KeptValue<Weeks>;

  constructor({ redis, clock }: { readonly redis: Redis; readonly clock: Clock }) {
    this.#redis = redis;
    this.#clock = clock;
    this.#counts = new VersionCounts(redis);
    this.#daily = new KeptValue(clock, KEPT_SECONDS * 1_000, () => this.#sumDays());
    this.#weeks = new KeptValue(clock, KEPT_SECONDS * 1_000, () => this.#sumWeeks());
  }

  /** Images built in the last day: 23 whole hours and the one that runs. */
  async buildsOfLastDay(): Promise<number> {
    const counts = await Promise.all(
      lastHours(this.#clock.now()).map(({ day, hour }) => this.#redis.hget(dayKey(day), `successes@${hour}`)),
    );
    return counts.reduce((sum, count) => sum + Number(count), 0);
  }

  async buildsPerDay(): Promise<Chart> {
    return await this.#daily.get();
  }

  /** Images built by week; of each version whose name begins with `branch`, or of each branch. */
  async buildsByVersion(branch: string | undefined): Promise<Chart> {
    const { labels, byVersion } = await this.#weeks.get();
    if (branch !== undefined) {
      return chartOf(labels, new Map([...byVersion].filter(([version]) => version.startsWith(branch))));
    }
    const byBranch = new Map<string, readonly number[]>();
    for (const [version, data] of byVersion) {
      const others = byBranch.get(branchLabel(version)) ?? [];
      byBranch.set(
        branchLabel(version),
        data.map((count, at) => count + (others[at] ?? 0)),
      );
    }
    return chartOf(labels, byBranch);
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

  async #sumDays(): Promise<Chart> {
    const days = lastDays(this.#clock.now(), STAT_DAYS);
    const events = DAILY.map(({ event }) => event);
    const counts = await Promise.all(days.map((day) => this.#redis.hmget(dayKey(day), ...events)));
    return {
      labels: days.map(dayLabel),
      datasets: DAILY.map(({ label, color }, at) => ({
        label,
        data: counts.map((ofDay) => Number(ofDay[at])),
        color,
      })),
    };
  }

  async #sumWeeks(): Promise<Weeks> {
    const weeks = lastWeeks(this.#clock.now(), STAT_WEEKS);
    const counts = await this.#counts.of(weeks.flat());
    const byVersion = new Map<string, number[]>();
    for (const [at, days] of weeks.entries()) {
      for (const [version, count] of days.flatMap((day) => [...(counts.get(day) ?? [])])) {
        const data = byVersion.get(version) ?? weeks.map(() => 0);
        data[at] = (data[at] ?? 0) + count;
        byVersion.set(version, data);
      }
    }
    return { labels: weeks.map(([first = '']) => dayLabel(first)), byVersion };
  }

  async #sumPackages(key: string, branch: string): Promise<void> {
    const days = lastDays(this.#clock.now(), STAT_DAYS).map((day) => packagesKey(day, branch));
    await this.#redis
      .multi()
      .zunionstore(key, days.length, ...days)
      .expire(key, KEPT_SECONDS)
      .exec();
  }
}

function chartOf(labels: readonly string[], series: ReadonlyMap<string, readonly number[]>): Chart {
  const datasets = [...series].map(([label, data]) => ({ label, data }));
  return { labels, datasets: datasets.sort((left, right) => (left.label < right.label ? -1 : 1)) };
}
