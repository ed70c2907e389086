import { DEFAULT_BUILD_MS } from '../../../coordinator/scheduling/timings.ts';
import { type Outcome, quantile } from './outcome.ts';
import { percent } from './table.ts';

/** Something the scheduling is to reach, and what it does. */
export interface Reach {
  readonly what: string;
  readonly found: string;
  readonly isMet: boolean;
}

/** The outcomes the reaches are judged by. */
export interface Judged {
  readonly zipf: Outcome;
  readonly backlog: Outcome;
  readonly backlogAtRandom: Outcome;
  readonly release: Outcome;
  readonly releaseFifo: Outcome;
  readonly flood: Outcome;
  readonly noFlood: Outcome;
}

export function reachesOf(judged: Judged): readonly Reach[] {
  const makespan = judged.backlog.makespanMs / judged.backlogAtRandom.makespanMs;
  const release = judged.release.waitP95Ms / judged.releaseFifo.waitP95Ms;
  return [
    {
      what: 'warm hits on Zipf, 10 agents with room for 4 builders each: at least 90 %',
      found: percent(judged.zipf.warmHitPart),
      isMet: judged.zipf.warmHitPart >= 0.9,
    },
    {
      what: 'makespan of a backlog: at most 60 % of random placement',
      found: percent(makespan),
      isMet: makespan <= 0.6,
    },
    {
      what: 'release day, wait p95: at most a quarter of one FIFO with cold starts',
      found: percent(release),
      isMet: release <= 0.25,
    },
    {
      what: "flood: at most 2 of the flooder's builds begin where another's waiting build could have",
      found: `${judged.flood.worstOvertaken} at worst`,
      isMet: judged.flood.worstOvertaken <= 2,
    },
  ];
}

/** What the flood costs the others in time, as a line. No reach: where it took the place of their builder, one fetch alone is two builds. */
export function lineOfDelays({ flood, noFlood }: Pick<Judged, 'flood' | 'noFlood'>): string {
  const delays = delaysInBuilds(flood, noFlood);
  const [p50, p95, p99, worst] = [0.5, 0.95, 0.99, 1].map((part) => quantile(delays, part).toFixed(1));
  return `flood: others wait longer than on the same day without it by p50 ${p50}, p95 ${p95}, p99 ${p99}, worst ${worst} builds' time\n`;
}

/**
 * How much longer each build of the others waited because of the flood, sorted, in times of a usual build.
 */
function delaysInBuilds(flood: Outcome, without: Outcome): readonly number[] {
  return flood.othersWaitMs
    .map((waitMs, at) => (waitMs - (without.othersWaitMs[at] ?? 0)) / DEFAULT_BUILD_MS)
    .sort((left, right) => left - right);
}
