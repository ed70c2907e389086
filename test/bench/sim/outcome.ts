import type { SimFarm } from './sim-farm.ts';

/** What one policy made of one trace. */
export interface Outcome {
  readonly builds: number;
  readonly warmHitPart: number;
  /** From acceptance until an attempt has a slot and its builder, milliseconds. */
  readonly waitP50Ms: number;
  readonly waitP95Ms: number;
  readonly waitP99Ms: number;
  /** From the first acceptance until the last build is done, milliseconds. */
  readonly makespanMs: number;
  /** The mean wait of the client for whom that is longest, the flooder left out, milliseconds. */
  readonly worstClientMs: number;
  readonly fetchedBytes: number;
  readonly fetchCount: number;
  /** The flooder's builds that began meanwhile where a build of somebody else could have run, at worst. */
  readonly worstOvertaken: number;
  /** Waits of everybody but the flooder, in the order of acceptance, milliseconds. */
  readonly othersWaitMs: readonly number[];
}

/** How to read a table of outcomes. */
export const outcomeKey =
  'warm hit: the builder was warm somewhere at acceptance, and the build was not the first on a copy fetched because builds waited; ' +
  'wait: until it has a slot and its builder; all disks empty at the start';

export function outcomeOf(farm: SimFarm, flooder: string | undefined): Outcome {
  const waits = farm.builds.map((build) => (build.startedAtMs ?? 0) - build.arrival.atMs);
  const sorted = [...waits].sort((left, right) => left - right);
  const others = farm.builds.filter(({ arrival }) => arrival.client !== flooder);
  const othersWaitMs = others.map((build) => (build.startedAtMs ?? 0) - build.arrival.atMs);
  const byClient = new Map<string, number[]>();
  others.forEach(({ arrival }, at) => {
    byClient.set(arrival.client, [...(byClient.get(arrival.client) ?? []), othersWaitMs[at] ?? 0]);
  });
  return {
    builds: waits.length,
    warmHitPart: farm.builds.filter(({ isWarmHit }) => isWarmHit).length / waits.length,
    waitP50Ms: quantile(sorted, 0.5),
    waitP95Ms: quantile(sorted, 0.95),
    waitP99Ms: quantile(sorted, 0.99),
    makespanMs:
      largest(farm.builds.map(({ doneAtMs }) => doneAtMs ?? 0)) - (farm.builds[0]?.arrival.atMs ?? 0),
    worstClientMs: largest([...byClient.values()].map(mean)),
    fetchedBytes: farm.fetchedBytes,
    fetchCount: farm.fetchCount,
    worstOvertaken: largest(others.map(({ overtakenBy }) => overtakenBy)),
    othersWaitMs,
  };
}

/** The value so many of the sorted ones do not exceed. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * part) - 1))] ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
