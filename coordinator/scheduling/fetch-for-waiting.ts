import { DUE_SPAN } from './fair-order.ts';
import { type AgentView, accepterOf, freeSlots, isOpenTo, mayServe, type WaitingView } from './farm-view.ts';
import { type Fetch, plan } from './fetch-plan.ts';
import { bestOffer } from './offers.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';
import type { Standing, WarmingState } from './warming-state.ts';

/** The part of all fetches that builds may take that are not due; the rest is kept for those at the head of fair order. */
const PART_FOR_ALL = 0.75;

/**
 * Fetches for builds that wait, those first in fair order first. When nobody has the builder, one agent fetches it at once. When those
 * who have it are busy, another one fetches it if what waits would wait for them longer than for that, and if it has nothing to do
 * that comes first. Waiting is bounded by the time a fetch takes, and never are more fetches under way than builds need.
 */
export function fetchesForWaiting(state: WarmingState): readonly Fetch[] {
  const sets = state.farm.waiting
    .filter(({ count }) => count > 0)
    .sort((left, right) => left.firstScore - right.firstScore);
  const dueScore = (sets[0]?.firstScore ?? 0) + DUE_SPAN;
  const { maxFetches } = state.limits;
  const fetches: Fetch[] = [];
  for (const set of sets) {
    const most = set.firstScore <= dueScore ? maxFetches : Math.ceil(maxFetches * PART_FOR_ALL);
    for (;;) {
      if (state.fetchCount >= most) break;
      const next = nextFetch(state, set);
      if (!next) break;
      fetches.push(next);
    }
  }
  return fetches;
}

function nextFetch(state: WarmingState, set: WaitingView): Fetch | undefined {
  const { holders } = state.context;
  const accepts = accepterOf(set.builder);
  const may = (agent: AgentView): boolean => mayServe(agent, set, accepts);
  const warm = holders.warm(set).filter(may);
  const fetching = holders.fetching(set).filter(may);
  if (warm.length + fetching.length === 0) {
    const offer = bestOffer(state, set, (agent) => isOpenTo(agent, set), set.firstScore);
    return offer && plan(state, set, offer, 'nobody');
  }
  const unmet = unmetCount(set, warm, fetching);
  if (unmet <= 0) return undefined;
  const waitMs = lastWaitMs(state, set, unmet, [...warm, ...fetching]);
  const { timings } = state.farm;
  const isUseful = (agent: AgentView, standing: Standing): boolean =>
    isBestUsedFor(standing, set) && waitMs > fetchMsOf(timings, set.builder, agent.agentId) && may(agent);
  const offer = bestOffer(state, set, isUseful, set.firstScore);
  return offer && plan(state, set, offer, 'busy');
}

/** Builds that neither free warm slots nor the agents fetching will take. */
function unmetCount(set: WaitingView, warm: readonly AgentView[], fetching: readonly AgentView[]): number {
  const free = warm.reduce((sum, agent) => sum + freeSlots(agent), 0);
  const coming = fetching.reduce((sum, agent) => sum + agent.slots, 0);
  return set.count - free - coming;
}

/** Whether an agent would otherwise idle, or do what comes later in fair order. */
function isBestUsedFor({ firstScore, freeSlots: free }: Standing, set: WaitingView): boolean {
  return firstScore === undefined ? free > 0 : set.firstScore < firstScore;
}

/** How long the last of the builds would wait for those who have the builder, milliseconds. */
function lastWaitMs(
  state: WarmingState,
  set: WaitingView,
  unmet: number,
  having: readonly AgentView[],
): number {
  const slots = having.reduce((sum, agent) => sum + agent.slots, 0);
  return (unmet / Math.max(1, slots)) * buildMsOf(state.farm.timings, set.builder);
}
