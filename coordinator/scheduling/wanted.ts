import { chanceOfAtLeast, countCopies, meanSlots } from './copy-value.ts';
import { type FarmView, isUsable } from './farm-view.ts';
import { buildMsOf } from './timings.ts';

/** Waiting builds should begin within this time; slots are wanted for that, milliseconds. */
export const TARGET_WAIT_MS = 5 * 60_000;
/** All copies of a builder should be busy no more often than this. */
const MAX_BUSY = 0.1;
/** More copies of one builder than this are never asked for by demand alone. */
const MAX_COPIES = 64;

/** What an autoscaler should know. */
export interface Wanted {
  /** Slots that run what runs now, begin what waits within the target and carry the usual demand. */
  readonly slots: number;
  /** Warm copies by builder; those nobody wants are left out. */
  readonly copies: ReadonlyMap<string, number>;
  /** Wanted copies there is no agent for, all builders together: a reason for more disk or more agents. */
  readonly missingCopies: number;
}

/** How many slots and warm copies the farm could use. */
export function wantedCapacity(farm: FarmView): Wanted {
  const copies = wantedCopies(farm);
  const present = countCopies(farm);
  const running = farm.agents.reduce((sum, agent) => sum + agent.running.length, 0);
  const waitingMs = farm.waiting.reduce(
    (sum, { builder, count }) => sum + count * buildMsOf(farm.timings, builder),
    0,
  );
  const now = running + waitingMs / TARGET_WAIT_MS;
  let missingCopies = 0;
  for (const [builder, wanted] of copies) missingCopies += Math.max(0, wanted - (present.get(builder) ?? 0));
  return { slots: Math.ceil(Math.max(now, usualSlots(farm))), copies, missingCopies };
}

/** Warm copies a builder wants: enough that all their slots are rarely busy, and for what waits; one when it is pinned. */
export function wantedCopies(farm: FarmView): ReadonlyMap<string, number> {
  const slots = meanSlots(farm);
  const usable = Math.max(1, farm.agents.filter(isUsable).length);
  const wanted = new Map<string, number>();
  for (const builder of farm.pinned) wanted.set(builder, 1);
  for (const [builder, rate] of farm.rates) {
    const load = rate * buildMsOf(farm.timings, builder);
    let count = load > 0 ? 1 : 0;
    while (count > 0 && count < MAX_COPIES && chanceOfAtLeast(count * slots, load) > MAX_BUSY) count += 1;
    if (count > 0) wanted.set(builder, Math.max(count, wanted.get(builder) ?? 0));
  }
  for (const { builder, count } of farm.waiting) {
    const forWaiting = Math.ceil((count * buildMsOf(farm.timings, builder)) / TARGET_WAIT_MS / slots);
    wanted.set(builder, Math.max(Math.min(usable, forWaiting), wanted.get(builder) ?? 1));
  }
  return wanted;
}

/** Slots the usual demand keeps busy, with two standard deviations of its ups and downs. */
function usualSlots(farm: FarmView): number {
  let load = 0;
  for (const [builder, rate] of farm.rates) load += rate * buildMsOf(farm.timings, builder);
  return load + 2 * Math.sqrt(load);
}
