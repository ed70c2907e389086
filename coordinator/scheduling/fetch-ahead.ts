import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { AgentView } from './farm-view.ts';
import { type Fetch, type FetchReason, isCurrent, nextCopyValue, plan } from './fetch-plan.ts';
import { bestOffer, type Offer, standingOf } from './offers.ts';
import { fetchMsOf } from './timings.ts';
import type { Standing, WarmingState } from './warming-state.ts';

/** Within this time a fetch ahead of need must be expected to save as much as it costs, milliseconds. */
export const PAYBACK_MS = 24 * 3_600_000;
/** A builder displaces others only if it is worth so many times as much; below that, the counts are noise. */
export const WORTH_FACTOR = 1.5;

/**
 * Fetches ahead of need, by agents that have a slot to spare and nothing to do: pinned builders nobody has, then new bytes for
 * builders that changed upstream, then those whose next copy is worth most. A new release is among these with the demand expected
 * of it, see `new-release.ts`.
 */
export function fetchesAhead(state: WarmingState): readonly Fetch[] {
  const fetches: Fetch[] = [];
  if (!state.able.some((agent) => isIdle(standingOf(state, agent)))) return fetches;
  for (const next of [nextPinned, nextRefresh, nextInDemand]) {
    while (state.fetchCount < Math.min(state.limits.maxAhead, state.limits.maxFetches)) {
      const fetch = next(state);
      if (!fetch) break;
      fetches.push(fetch);
    }
  }
  return fetches;
}

function nextPinned(state: WarmingState): Fetch | undefined {
  for (const builder of state.farm.pinned) {
    const digest = state.farm.digests.get(builder);
    if (digest === undefined || (state.context.copies.get(builder) ?? 0) > 0) continue;
    const fetch = planIf(state, { builder, digest }, 'pinned', () => true);
    if (fetch) return fetch;
  }
  return undefined;
}

/** The agent that has yesterday's bytes fetches today's; its room is what yesterday's leave. */
function nextRefresh(state: WarmingState): Fetch | undefined {
  for (const builder of staleBuilders(state)) {
    const digest = state.farm.digests.get(builder);
    if (digest === undefined) continue;
    const hasStale = (agent: AgentView): boolean =>
      agent.warm.some((each) => each.builder === builder && each.digest !== digest);
    const isWanted = (): boolean => state.farm.pinned.has(builder) || nextCopyValue(state, builder) > 0;
    const fetch = planIf(state, { builder, digest }, 'refresh', isWanted, hasStale);
    if (fetch) return fetch;
  }
  return undefined;
}

function nextInDemand(state: WarmingState): Fetch | undefined {
  const { farm } = state;
  const candidates = [...state.usualRates.keys()]
    .map((builder) => ({ builder, digest: farm.digests.get(builder), gain: nextCopyValue(state, builder) }))
    .filter(({ builder, gain }) => gain * PAYBACK_MS > fetchMsOf(farm.timings, builder))
    .sort((left, right) => right.gain - left.gain || (left.builder < right.builder ? -1 : 1));
  for (const { builder, digest, gain } of candidates.slice(0, 8)) {
    if (digest === undefined) continue;
    const paysBack = ({ loss }: Offer): boolean =>
      gain > loss * WORTH_FACTOR && (gain - loss) * PAYBACK_MS > fetchMsOf(farm.timings, builder);
    const fetch = planIf(state, { builder, digest }, 'demand', paysBack);
    if (fetch) return fetch;
  }
  return undefined;
}

function planIf(
  state: WarmingState,
  wanted: PinnedBuilder,
  reason: FetchReason,
  isGood: (offer: Offer) => boolean,
  may: (agent: AgentView) => boolean = () => true,
): Fetch | undefined {
  const offer = bestOffer(state, wanted, (agent, standing) => isIdle(standing) && may(agent));
  return offer && isGood(offer) ? plan(state, wanted, offer, reason) : undefined;
}

function isIdle({ freeSlots, firstScore }: Standing): boolean {
  return freeSlots > 0 && firstScore === undefined;
}

/** Builders of which somebody has bytes that upstream has no more, the most wanted first. */
function staleBuilders({ farm, usualRates }: WarmingState): readonly string[] {
  const stale = new Set<string>();
  for (const { warm } of farm.agents)
    for (const each of warm) if (!isCurrent(farm, each)) stale.add(each.builder);
  const rate = (builder: string): number => usualRates.get(builder) ?? 0;
  return [...stale].sort((left, right) => rate(right) - rate(left) || (left < right ? -1 : 1));
}
