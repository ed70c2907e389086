import type { AgentView } from './farm-view.ts';
import { DEFAULT_BUILD_MS, DEFAULT_FETCH_MS, median, type Timings } from './timings.ts';

/** What the agents of a farm tell of the builders they have warm, taken together. */
export interface Measured {
  readonly timings: Timings;
  /** What a builder takes on disk, bytes, by builder. */
  readonly sizes: ReadonlyMap<string, number>;
  /** What the usual builder takes; undefined where nobody has any. */
  readonly usualSizeBytes: number | undefined;
}

/**
 * Durations and sizes as the farm measured them. A builder it knows nothing of is taken for the usual one of this farm: machines and
 * mirrors differ more than builders do.
 * @param builders those that anything is to be known of.
 * @param buildMs median run of an attempt, by builder, where one has ended.
 */
export function measuredBy(
  agents: readonly Pick<AgentView, 'agentId' | 'warm'>[],
  builders: Iterable<string>,
  buildMs: ReadonlyMap<string, number>,
): Measured {
  const fetches = new Map<string, number[]>();
  const allSizes = new Map<string, number[]>();
  for (const { warm } of agents) {
    for (const { builder, warmedInMs, sizeBytes } of warm) {
      if (warmedInMs !== undefined) put(fetches, builder, warmedInMs);
      if (sizeBytes !== undefined) put(allSizes, builder, sizeBytes);
    }
  }
  const fetchMs = medians(fetches);
  const usualFetchMs = median([...fetchMs.values()]) ?? DEFAULT_FETCH_MS;
  const usualBuildMs = median([...buildMs.values()]) ?? DEFAULT_BUILD_MS;
  const sizes = new Map([...allSizes].map(([builder, values]) => [builder, Math.max(...values)]));
  const fetchFactor = new Map<string, number>();
  for (const { agentId, warm } of agents) {
    const ratios = warm.flatMap(({ builder, warmedInMs }) => {
      const usual = fetchMs.get(builder);
      return warmedInMs === undefined || !usual ? [] : [warmedInMs / usual];
    });
    const factor = median(ratios);
    if (factor !== undefined) fetchFactor.set(agentId, factor);
  }
  const allBuildMs = new Map(buildMs);
  for (const builder of builders) {
    if (!fetchMs.has(builder)) fetchMs.set(builder, usualFetchMs);
    if (!allBuildMs.has(builder)) allBuildMs.set(builder, usualBuildMs);
  }
  return {
    timings: { buildMs: allBuildMs, fetchMs, fetchFactor },
    sizes,
    usualSizeBytes: median([...sizes.values()]),
  };
}

function put(all: Map<string, number[]>, key: string, value: number): void {
  const values = all.get(key);
  if (values) values.push(value);
  else all.set(key, [value]);
}

function medians(all: ReadonlyMap<string, readonly number[]>): Map<string, number> {
  return new Map([...all].map(([key, values]) => [key, median(values) ?? 0]));
}
