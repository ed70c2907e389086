import type { FarmView } from './farm-view.ts';
import { isUsable } from './farm-view.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';

/** Agents that have a builder warm or are fetching it, of the current digest, by builder. */
export type Copies = ReadonlyMap<string, number>;

/** Counts the copies the farm can rely on: those of agents that drain or went silent do not count, nor do stale ones. */
export function countCopies(farm: Pick<FarmView, 'agents' | 'digests'>): Copies {
  const copies = new Map<string, number>();
  for (const agent of farm.agents) {
    if (!isUsable(agent)) continue;
    for (const having of [agent.warm, agent.warming])
      for (const { builder, digest } of having)
        if ((farm.digests.get(builder) ?? digest) === digest)
          copies.set(builder, (copies.get(builder) ?? 0) + 1);
  }
  return copies;
}

/** Within this time what waits counts as asked for, on top of the usual demand, milliseconds. */
export const HORIZON_MS = 3_600_000;

/** The demand of a farm with what waits taken into account: a rush shows here at once, in the weekly counts only slowly. */
export function ratesWithWaiting(farm: Pick<FarmView, 'rates' | 'waiting'>): ReadonlyMap<string, number> {
  if (farm.waiting.length === 0) return farm.rates;
  const rates = new Map(farm.rates);
  for (const { builder, count } of farm.waiting)
    rates.set(builder, (rates.get(builder) ?? 0) + count / HORIZON_MS);
  return rates;
}

/**
 * What the nth copy of a builder is worth: the milliseconds of fetching it saves per millisecond. That is how often the builder is
 * asked for, times how likely all the slots of the other copies are then taken, times what a fetch costs. The first copy is worth
 * demand × re-fetch cost in full, further ones less, so hot builders get several before rare ones get one, and no more than help.
 * @param nth 1 for the only copy.
 * @param slotsPerCopy of the agents at hand, on average.
 */
export function copyValue(
  farm: Pick<FarmView, 'rates' | 'timings'>,
  builder: string,
  nth: number,
  slotsPerCopy: number,
): number {
  const rate = farm.rates.get(builder) ?? 0;
  if (rate === 0) return 0;
  const busy = chanceOfAtLeast((nth - 1) * slotsPerCopy, rate * buildMsOf(farm.timings, builder));
  return rate * busy * fetchMsOf(farm.timings, builder);
}

/** The mean number of slots of agents in use, at least 1. */
export function meanSlots(farm: Pick<FarmView, 'agents'>): number {
  const usable = farm.agents.filter(isUsable);
  return Math.max(1, usable.reduce((sum, { slots }) => sum + slots, 0) / Math.max(1, usable.length));
}

/** The chance that a Poisson number with this mean is at least `least`. */
export function chanceOfAtLeast(least: number, mean: number): number {
  let below = 0;
  let term = Math.exp(-mean);
  for (let count = 0; count < least; count += 1) {
    // From here on terms shrink, and are too small to change the sum.
    if (count > mean && below + term === below) break;
    below += term;
    term *= mean / (count + 1);
  }
  return Math.max(0, 1 - below);
}
