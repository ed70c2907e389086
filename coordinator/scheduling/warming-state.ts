import { ratesWithWaiting } from './copy-value.ts';
import { type EvictionContext, evictionContext, type Removable } from './eviction.ts';
import { type AgentView, type FarmView, isUsable } from './farm-view.ts';

export interface FetchLimits {
  /** Most fetches at once, farm-wide. */
  readonly maxFetches: number;
  /** Most of them while some are ahead of need; the rest is kept for builds that wait. */
  readonly maxAhead: number;
}

/** Fetches ahead of need leave most of what may be fetched at once to builds that wait. */
export function fetchLimits(maxFetches: number): FetchLimits {
  return { maxFetches, maxAhead: Math.max(1, Math.floor((maxFetches * 3) / 8)) };
}

/** What an agent has to do, whatever it is to fetch. */
export interface Standing {
  /** Score of the first build it could begin with what it has, in a free slot or the next one to become free. */
  readonly firstScore: number | undefined;
  readonly freeSlots: number;
}

/** What an agent may remove, whatever for. */
export interface Space {
  /** For some build or other, and for any fetch. */
  readonly removables: readonly Removable[];
  readonly order: readonly Removable[];
  /** Bytes that are free, and those that are when all of `removables` is gone, or all of `order`. */
  readonly roomBytes: number;
  readonly mostBytes: number;
  readonly orderBytes: number;
}

/** What is planned so far; each fetch changes it, so that the next one is decided with it in mind. */
export interface WarmingState {
  /** With what waits counted as asked for, so that nothing of it is removed lightly. Its agents are those at the start. */
  readonly farm: FarmView;
  /** Without: what waits is for `fetchesForWaiting` to judge. */
  readonly usualRates: FarmView['rates'];
  readonly limits: FetchLimits;
  readonly context: EvictionContext & { readonly copies: Map<string, number> };
  fetchCount: number;
  /** Agents that could fetch something: in use, and not fetching yet. In the order of the farm. */
  able: readonly AgentView[];
  /** What was worked out about agents. */
  readonly standings: Map<AgentView, Standing>;
  /** Likewise, until a fetch changes it. */
  readonly spaces: Map<AgentView, Space>;
  /** What one more copy is worth, until a fetch changes it. */
  readonly nextValues: Map<string, number>;
}

/** Nothing planned yet. */
export function startPlan(farm: FarmView, limits: FetchLimits): WarmingState {
  const context = evictionContext(farm);
  return {
    farm: { ...farm, rates: ratesWithWaiting(farm) },
    usualRates: farm.rates,
    limits,
    context: { ...context, copies: new Map(context.copies) },
    fetchCount: farm.agents.reduce((sum, agent) => sum + agent.warming.length, 0),
    able: farm.agents.filter((agent) => isUsable(agent) && agent.warming.length === 0),
    standings: new Map(),
    spaces: new Map(),
    nextValues: new Map(),
  };
}
