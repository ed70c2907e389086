import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { type Copies, copyValue, countCopies, meanSlots } from './copy-value.ts';
import { BUILD_COST } from './fair-order.ts';
import { type AgentView, type FarmView, isUsable } from './farm-view.ts';

/** A builder an agent may remove, and what it would lose. */
export interface Evictable extends PinnedBuilder {
  /** See `copyValue`; 0 for a stale one. */
  readonly value: number;
  readonly sizeBytes: number;
}

/** What a builder takes on disk where nobody has measured any. */
export const DEFAULT_SIZE_BYTES = 1_500_000_000;

/** What is known of sizes. */
export type Sizes = Pick<FarmView, 'sizes' | 'usualSizeBytes'>;

/** What a builder takes on disk as measured, else as the usual one does. */
export function sizeBytesOf({ sizes, usualSizeBytes = DEFAULT_SIZE_BYTES }: Sizes, builder: string): number {
  return sizes.get(builder) ?? usualSizeBytes;
}

/** What all agents of a farm are judged by, computed once for a plan. */
export interface EvictionContext {
  readonly copies: Copies;
  readonly slotsPerCopy: number;
  /** Smallest score that waits, by builder and digest. */
  readonly awaited: ReadonlyMap<string, number>;
}

export function evictionContext(farm: FarmView): EvictionContext {
  const awaited = new Map<string, number>();
  for (const set of farm.waiting)
    if (set.count > 0)
      awaited.set(keyOf(set), Math.min(set.firstScore, awaited.get(keyOf(set)) ?? set.firstScore));
  return { copies: countCopies(farm), slotsPerCopy: meanSlots(farm), awaited };
}

/**
 * What one agent may remove, least valuable first by value per byte. Never a pinned builder, one with running attempts there, nor the
 * last warm copy of one with waiting builds. A stale digest goes first: nobody will build with it again.
 * @param forScore when room is made for a build with this score: what waits at least two builds of one client behind it does not keep
 *   a copy. Without this a flood over many builders would keep all disks full, and a build that is to come first could not.
 */
export function evictionOrder(
  agent: AgentView,
  farm: FarmView,
  context: EvictionContext = evictionContext(farm),
  forScore: number = Number.POSITIVE_INFINITY,
): readonly Evictable[] {
  return agent.warm
    .filter((each) => mayGo(agent, each, farm, context, forScore))
    .map((each) => {
      const isStale = (farm.digests.get(each.builder) ?? each.digest) !== each.digest;
      const copies = context.copies.get(each.builder) ?? 1;
      return {
        builder: each.builder,
        digest: each.digest,
        sizeBytes: each.sizeBytes ?? sizeBytesOf(farm, each.builder),
        value: isStale ? 0 : copyValue(farm, each.builder, copies, context.slotsPerCopy),
      };
    })
    .sort(
      (left, right) =>
        left.value / left.sizeBytes - right.value / right.sizeBytes ||
        (left.builder < right.builder ? -1 : 1),
    );
}

/** The cheapest of `order` that make room for so many bytes, or `undefined` when all of them are not enough. */
export function makeRoom(
  agent: AgentView,
  neededBytes: number,
  order: readonly Evictable[],
  sizes: Sizes,
): readonly Evictable[] | undefined {
  let room = roomBytes(agent, sizes);
  const going: Evictable[] = [];
  for (const each of order) {
    if (room >= neededBytes) break;
    going.push(each);
    room += each.sizeBytes;
  }
  return room >= neededBytes ? going : undefined;
}

/**
 * Bytes an agent has for builders without removing any: within its budget, and on its disk. Fetches under way are counted. Below 0
 * where they take more than the budget already.
 */
export function roomBytes(agent: AgentView, sizes: Sizes): number {
  const sizeOf = (each: { readonly builder: string; readonly sizeBytes?: number | undefined }): number =>
    each.sizeBytes ?? sizeBytesOf(sizes, each.builder);
  const taken = [...agent.warm, ...agent.warming].reduce((sum, each) => sum + sizeOf(each), 0);
  const inBudget =
    agent.diskBudgetBytes === undefined ? Number.POSITIVE_INFINITY : agent.diskBudgetBytes - taken;
  return Math.min(inBudget, agent.diskFreeBytes);
}

/**
 * Whether an agent's builders take more than they may, so that some of them are to go: its budget was lowered, or its disk filled up,
 * and then it takes no work before.
 */
export function isOverBudget(agent: AgentView, sizes: Sizes): boolean {
  if (agent.diskBudgetBytes === undefined || agent.draining) return false;
  const taken = agent.warm.reduce(
    (sum, each) => sum + (each.sizeBytes ?? sizeBytesOf(sizes, each.builder)),
    0,
  );
  return taken > agent.diskBudgetBytes;
}

function mayGo(
  agent: AgentView,
  copy: PinnedBuilder,
  farm: FarmView,
  { awaited }: EvictionContext,
  forScore: number,
): boolean {
  if (farm.pinned.has(copy.builder) && (farm.digests.get(copy.builder) ?? copy.digest) === copy.digest)
    return false;
  if (agent.running.includes(copy.builder) || agent.ending.includes(copy.builder)) return false;
  const waitingScore = awaited.get(keyOf(copy));
  if (waitingScore === undefined || waitingScore >= forScore + 2 * BUILD_COST) return true;
  return isWarmElsewhere(agent, copy, farm);
}

function keyOf({ builder, digest }: PinnedBuilder): string {
  return `${builder} ${digest}`;
}

function isWarmElsewhere(agent: AgentView, copy: PinnedBuilder, farm: FarmView): boolean {
  return farm.agents.some(
    (other) =>
      other.agentId !== agent.agentId &&
      isUsable(other) &&
      other.warm.some(({ builder, digest }) => builder === copy.builder && digest === copy.digest),
  );
}
