/** Durations as measured, milliseconds. What was never measured takes the default. */
export interface Timings {
  /** Median run of an attempt on a warm agent, by builder. */
  readonly buildMs: ReadonlyMap<string, number>;
  /** Median time to fetch, verify and unpack, by builder. */
  readonly fetchMs: ReadonlyMap<string, number>;
  /** How much longer than the median an agent's fetches take, by agent; 1 when unknown. */
  readonly fetchFactor: ReadonlyMap<string, number>;
}

/** Of a build of 285 s, 95 s were not fetching or preparing the ImageBuilder (openwrt/asu#1534). */
export const DEFAULT_BUILD_MS = 95_000;
/** Of a build of 285 s, 190 s were fetching and preparing it (openwrt/asu#1534). */
export const DEFAULT_FETCH_MS = 190_000;

export function buildMsOf(timings: Timings, builder: string): number {
  return timings.buildMs.get(builder) ?? DEFAULT_BUILD_MS;
}

/** How long a builder will take to become warm, on an agent or on the usual one. */
export function fetchMsOf(timings: Timings, builder: string, agentId?: string): number {
  const factor = agentId === undefined ? 1 : (timings.fetchFactor.get(agentId) ?? 1);
  return (timings.fetchMs.get(builder) ?? DEFAULT_FETCH_MS) * factor;
}

/** The middle value; of an even number the lower of the two. `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  return [...values].sort((left, right) => left - right)[Math.floor((values.length - 1) / 2)];
}
