import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { copyValue } from './copy-value.ts';
import type { Evictable } from './eviction.ts';
import type { FarmView } from './farm-view.ts';
import type { Offer } from './offers.ts';
import type { WarmingState } from './warming-state.ts';

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

/** Puts a fetch into the plan. */
export function plan(state: WarmingState, wanted: PinnedBuilder, offer: Offer, reason: FetchReason): Fetch {
  const { agent, evict, order } = offer;
  const { holders, waiting } = state.context;
  const spare = order.slice(evict.length).filter((each) => !waiting.has(each.builder));
  const { builder, digest } = wanted;
  const isGoing = (each: PinnedBuilder): boolean =>
    evict.some((gone) => gone.builder === each.builder && gone.digest === each.digest);
  for (const gone of evict) if (isCurrent(state.farm, gone)) countCopy(state, gone, -1);
  countCopy(state, wanted, 1);
  // Whose copy is the last one now may not remove it any more, and what copies are worth has changed.
  for (const changed of [...evict, wanted])
    for (const holder of holders.warmOfAny(changed.builder)) state.spaces.delete(holder);
  holders.replace(agent, {
    ...agent,
    warm: agent.warm.filter((each) => !isGoing(each)),
    warming: [...agent.warming, { builder, digest }],
  });
  state.able = state.able.filter((each) => each !== agent);
  state.fetchCount += 1;
  return { agentId: agent.agentId, builder, digest, reason, evict, spare };
}

/** Whether these are the bytes upstream offers now; a builder upstream says nothing of is as it is. */
export function isCurrent(farm: Pick<FarmView, 'digests'>, each: PinnedBuilder): boolean {
  return (farm.digests.get(each.builder) ?? each.digest) === each.digest;
}

/** What one more copy of a builder is worth by its usual demand. */
export function nextCopyValue(state: WarmingState, builder: string): number {
  const known = state.nextValues.get(builder);
  if (known !== undefined) return known;
  const { copies, slotsPerCopy } = state.context;
  const usual = { rates: state.usualRates, timings: state.farm.timings };
  const value = copyValue(usual, builder, (copies.get(builder) ?? 0) + 1, slotsPerCopy);
  state.nextValues.set(builder, value);
  return value;
}

function countCopy({ context, nextValues }: WarmingState, { builder }: PinnedBuilder, by: number): void {
  context.copies.set(builder, (context.copies.get(builder) ?? 0) + by);
  context.values.delete(builder);
  nextValues.delete(builder);
}
