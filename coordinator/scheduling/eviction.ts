import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { type Copies, copyValue, countCopies, meanSlots } from './copy-value.ts';
import { BUILD_COST } from './fair-order.ts';
import type { AgentView, FarmView, WaitingView } from './farm-view.ts';
import { Holders } from './holders.ts';

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

/** One that may go only for a build that comes early enough. */
export interface Removable extends Evictable {
  /** Largest score of a build it may go for; nothing is larger than infinity. */
  readonly upToScore: number;
}

/** What all agents of a farm are judged by, looked up once for a plan. */
export interface EvictionContext {
  readonly copies: Copies;
  readonly slotsPerCopy: number;
  readonly holders: Holders;
  /** What waits, by builder. */
  readonly waiting: ReadonlyMap<string, readonly WaitingView[]>;
  /** What the last of its copies is worth, by builder, where that was asked for with these `copies`. */
  readonly values: Map<string, number>;
}

export function evictionContext(farm: FarmView): EvictionContext {
  return {
    copies: countCopies(farm),
    slotsPerCopy: meanSlots(farm),
    holders: new Holders(farm.agents),
    waiting: waitingByBuilder(farm.waiting),
    values: new Map(),
  };
}

/** Sets with something in them, by their builder. */
export function waitingByBuilder(sets: readonly WaitingView[]): ReadonlyMap<string, readonly WaitingView[]> {
  const found = new Map<string, WaitingView[]>();
  for (const set of sets) {
    if (set.count === 0) continue;
    const same = found.get(set.builder);
    if (same) same.push(set);
    else found.set(set.builder, [set]);
  }
  return found;
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
  return removablesOf(agent, farm, context).filter(({ upToScore }) => forScore <= upToScore);
}

/** What one agent may remove for some build or other, in that order. */
export function removablesOf(
  agent: AgentView,
  farm: FarmView,
  context: EvictionContext,
): readonly Removable[] {
  return agent.warm
    .filter((each) => !isKept(agent, each, farm))
    .map(({ builder, digest, sizeBytes = sizeBytesOf(farm, builder) }) => ({
      builder,
      digest,
      sizeBytes,
      value: isStale({ builder, digest }, farm) ? 0 : lastCopyValue(builder, farm, context),
      upToScore: upToScoreOf(agent, { builder, digest }, context),
    }))
    .sort(
      (left, right) =>
        left.value / left.sizeBytes - right.value / right.sizeBytes ||
        (left.builder < right.builder ? -1 : 1),
    );
}

/** The cheapest of `order` that make so many bytes of these, or `undefined` when all of them are not enough. */
export function makeRoom(
  roomBytes: number,
  neededBytes: number,
  order: readonly Evictable[],
): readonly Evictable[] | undefined {
  let room = roomBytes;
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

/** Whether it stays for whatever comes. */
function isKept(agent: AgentView, copy: PinnedBuilder, farm: FarmView): boolean {
  const { builder } = copy;
  if (farm.pinned.has(builder) && !isStale(copy, farm)) return true;
  return agent.running.includes(builder) || agent.ending.includes(builder);
}

function isStale({ builder, digest }: PinnedBuilder, { digests }: FarmView): boolean {
  return (digests.get(builder) ?? digest) !== digest;
}

function lastCopyValue(
  builder: string,
  farm: FarmView,
  { copies, slotsPerCopy, values }: EvictionContext,
): number {
  const known = values.get(builder);
  if (known !== undefined) return known;
  const value = copyValue(farm, builder, copies.get(builder) ?? 1, slotsPerCopy);
  values.set(builder, value);
  return value;
}

function upToScoreOf(agent: AgentView, copy: PinnedBuilder, { holders, waiting }: EvictionContext): number {
  let score = Number.POSITIVE_INFINITY;
  for (const { digest, firstScore } of waiting.get(copy.builder) ?? [])
    if (digest === copy.digest) score = Math.min(score, firstScore);
  const isAwaitedHere =
    score !== Number.POSITIVE_INFINITY &&
    !holders.warm(copy).some(({ agentId }) => agentId !== agent.agentId);
  return isAwaitedHere ? score - 2 * BUILD_COST : Number.POSITIVE_INFINITY;
}
