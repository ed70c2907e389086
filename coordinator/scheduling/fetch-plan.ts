import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { copyValue, HORIZON_MS, ratesWithWaiting } from './copy-value.ts';
import {
  type Evictable,
  type EvictionContext,
  evictionContext,
  evictionOrder,
  makeRoom,
  sizeBytesOf,
} from './eviction.ts';
import {
  type AgentView,
  acceptsBuilder,
  type FarmView,
  freeSlots,
  isFetching,
  isUsable,
  isWarm,
  mayServe,
  type WaitingView,
} from './farm-view.ts';
import { servable } from './placement.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';

/**
 * Why a builder is fetched: `nobody` has it and builds wait; those who have it are `busy` for longer than fetching takes; it is
 * `pinned`; its bytes changed upstream, `refresh`; it will be asked for, `demand`.
 */
export type FetchReason = 'nobody' | 'busy' | 'pinned' | 'refresh' | 'demand';

/** One agent is to fetch one builder, and may remove these to make room. */
export interface Fetch extends PinnedBuilder {
  readonly agentId: string;
  readonly reason: FetchReason;
  /** What has to go by what is known of sizes, in this order. */
  readonly evict: readonly Evictable[];
  /** What may go next should the builder turn out larger: no builder that builds wait for. */
  readonly spare: readonly Evictable[];
}

export interface FetchLimits {
  /** Most fetches at once, farm-wide. */
  readonly maxFetches: number;
  /** Most of them while some are ahead of need; the rest is kept for builds that wait. */
  readonly maxAhead: number;
}

/** What is planned so far; each fetch changes it, so that the next one is decided with it in mind. */
export interface WarmingState {
  /** With what waits counted as asked for, so that nothing of it is removed lightly. */
  readonly farm: FarmView;
  /** Without: what waits is for `fetchesForWaiting` to judge. */
  readonly usualRates: FarmView['rates'];
  readonly limits: FetchLimits;
  readonly agents: AgentView[];
  readonly context: EvictionContext & { readonly copies: Map<string, number> };
  fetchCount: number;
  /** What each agent may remove as things stand; forgotten with each fetch planned. */
  readonly orders: Map<AgentView, readonly Evictable[]>;
  /** Score of the first build each agent could begin with what it has. */
  readonly firstScores: Map<AgentView, number | undefined>;
}

/** Nothing planned yet. */
export function startPlan(farm: FarmView, limits: FetchLimits): WarmingState {
  const context = evictionContext(farm);
  return {
    farm: { ...farm, rates: ratesWithWaiting(farm) },
    usualRates: farm.rates,
    limits,
    agents: [...farm.agents],
    context: { ...context, copies: new Map(context.copies) },
    fetchCount: farm.agents.reduce((sum, agent) => sum + agent.warming.length, 0),
    orders: new Map(),
    firstScores: new Map(),
  };
}

/** Score of the first build an agent could begin with what it has, in a free slot or the next one to become free. */
export function firstScoreOf(state: WarmingState, agent: AgentView): number | undefined {
  if (!state.firstScores.has(agent))
    state.firstScores.set(agent, servable(agent, state.farm.waiting)[0]?.firstScore);
  return state.firstScores.get(agent);
}

/** An agent that could fetch a builder now, and what that would cost. */
export interface Offer {
  readonly agent: AgentView;
  readonly evict: readonly Evictable[];
  /** All that may go there. */
  readonly order: readonly Evictable[];
  /** Value of what goes, see `copyValue`. */
  readonly loss: number;
  /** Until a build could begin there, with what others lose by what goes within the horizon, milliseconds. */
  readonly costMs: number;
}

/**
 * The agent among these for which fetching a builder costs least, or `undefined` when none can.
 * @param forScore see `evictionOrder`.
 */
export function bestOffer(
  state: WarmingState,
  wanted: PinnedBuilder,
  may: (agent: AgentView) => boolean,
  forScore?: number,
): Offer | undefined {
  let best: Offer | undefined;
  for (const agent of state.agents) {
    if (!canFetch(agent, wanted) || replacesAwaited(state, agent, wanted) || !may(agent)) continue;
    const offer = offerOf(state, wanted, agent, forScore);
    if (offer && (!best || offer.costMs < best.costMs)) best = offer;
  }
  return best;
}

/** Puts a fetch into the plan. */
export function plan(state: WarmingState, wanted: PinnedBuilder, offer: Offer, reason: FetchReason): Fetch {
  const { agent, evict, order } = offer;
  const awaited = new Set(state.farm.waiting.map((set) => set.builder));
  const spare = order.slice(evict.length).filter((each) => !awaited.has(each.builder));
  const { builder, digest } = wanted;
  const isGoing = (each: PinnedBuilder): boolean =>
    evict.some((gone) => gone.builder === each.builder && gone.digest === each.digest);
  state.agents[state.agents.indexOf(agent)] = {
    ...agent,
    warm: agent.warm.filter((each) => !isGoing(each)),
    warming: [...agent.warming, { builder, digest }],
  };
  state.fetchCount += 1;
  state.orders.clear();
  const { copies } = state.context;
  for (const gone of evict) if (isCurrent(state.farm, gone)) count(copies, gone.builder, -1);
  count(copies, builder, 1);
  return { agentId: agent.agentId, builder, digest, reason, evict, spare };
}

/** Whether these are the bytes upstream offers now; a builder upstream says nothing of is as it is. */
export function isCurrent(farm: Pick<FarmView, 'digests'>, each: PinnedBuilder): boolean {
  return (farm.digests.get(each.builder) ?? each.digest) === each.digest;
}

function canFetch(agent: AgentView, wanted: PinnedBuilder): boolean {
  return (
    isUsable(agent) &&
    agent.warming.length === 0 &&
    !agent.paused.includes(wanted.builder) &&
    !isWarm(agent, wanted) &&
    !isFetching(agent, wanted) &&
    acceptsBuilder(agent, wanted.builder)
  );
}

/**
 * Whether builds wait for other bytes of this builder that the farm would lose: an agent keeps the newest ones only, and those builds
 * insist on a revision that upstream no longer has.
 */
function replacesAwaited({ farm, agents }: WarmingState, agent: AgentView, wanted: PinnedBuilder): boolean {
  const keeps = (other: AgentView, set: WaitingView): boolean =>
    isWarm(other, set) && mayServe(other, set) && !isFetching(other, wanted);
  return farm.waiting.some(
    (set) =>
      set.count > 0 &&
      set.builder === wanted.builder &&
      set.digest !== wanted.digest &&
      keeps(agent, set) &&
      !agents.some((other) => other.agentId !== agent.agentId && keeps(other, set)),
  );
}

function offerOf(
  state: WarmingState,
  wanted: PinnedBuilder,
  agent: AgentView,
  forScore: number | undefined,
): Offer | undefined {
  const { farm } = state;
  const order = orderOf(state, agent, forScore);
  const room = makeRoom(agent, sizeBytesOf(farm, wanted.builder), order, farm);
  // Where nobody ever had a builder its size is a guess: the agent will know when it sees the archive.
  const evict = room ?? (farm.usualSizeBytes === undefined && farm.sizes.size === 0 ? order : undefined);
  if (!evict) return undefined;
  const loss = evict.reduce((sum, { value }) => sum + value, 0);
  const busyMs = freeSlots(agent) > 0 ? 0 : buildMsOf(farm.timings, wanted.builder) / agent.slots;
  const fetchMs = fetchMsOf(farm.timings, wanted.builder, agent.agentId);
  return { agent, evict, order, loss, costMs: fetchMs + busyMs + loss * HORIZON_MS };
}

function orderOf(state: WarmingState, agent: AgentView, forScore: number | undefined): readonly Evictable[] {
  const { farm, context, orders } = state;
  const known = forScore === undefined ? orders.get(agent) : undefined;
  const order = known ?? evictionOrder(agent, { ...farm, agents: state.agents }, context, forScore);
  if (forScore === undefined) orders.set(agent, order);
  return order;
}

function count(copies: Map<string, number>, builder: string, by: number): void {
  copies.set(builder, (copies.get(builder) ?? 0) + by);
}

/** What one more copy of a builder is worth by its usual demand. */
export function nextCopyValue(state: WarmingState, builder: string): number {
  const { copies, slotsPerCopy } = state.context;
  const usual = { rates: state.usualRates, timings: state.farm.timings };
  return copyValue(usual, builder, (copies.get(builder) ?? 0) + 1, slotsPerCopy);
}
