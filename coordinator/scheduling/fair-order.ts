/*
 * The order in which waiting builds are served: start-time fair queueing over clients (Goyal, Vin, Cheng: "Start-time Fair
 * Queueing", 1996), with the tag fixed when a build is accepted, so that its place is a rank of a sorted set.
 *
 * State, farm-wide: `virtual-time`, an integer, the clock V; `waiting-order`, a sorted set of every waiting build by its start tag;
 * `client-tags`, a hash of `<class>:<client>` to the finish tag F of the newest build that client has in that class, and
 * `client-waiting`, a hash of the same to how many of its builds wait.
 *
 *   submit:  V = V + 1;  start = max(V, F or 0);  F = start + floor(BUILD_COST / weight);  score = start + offset of the class
 *   claim:   V = max(V + ceil(BUILD_COST / n), s), where n builds wait and s is the smallest start tag of them, both counted
 *            with the one that is claimed
 *   leave:   (claimed, cancelled, given up) one build of the client less waits; with the last one its F is removed
 *   return:  (a lost attempt) score = min(score, V), start tag as before; while it is delayed it does not wait
 *
 * Why each part. V + 1: among clients with nothing waiting, first come first served, with no tie. max(V, F): who has much
 * waiting queues behind itself, not in front of others. s and not the tag of the claimed build: agents serve only builders they have
 * warm, so builds are not claimed in the order of their tags, and one fast builder must not move the clock past what a slow one still
 * owes, or a person would wait behind all of that. V + ceil(BUILD_COST / n): the clock moves with every build served, also when
 * something cannot be served at all, so a stream of ever new clients passes a build for a bounded number of claims only. F goes with the
 * last waiting build: while the clock stands for a flood's sake, somebody who comes back is not behind everybody who comes once.
 *
 * All of it is integers below 2^53, exact in Lua and as a Redis score. In Lua write them with string.format('%.0f', x):
 * tostring keeps 14 digits only. An F not above V says nothing and may be removed as well.
 */

/** Who waits: `device` for somebody at a router or browser, `bulk` for scripts with an API key. */
export type PriorityClass = 'device' | 'bulk';

/** What one build moves its client's tag by, at weight 1; 2^33 of them fit into a score. */
export const BUILD_COST = 2 ** 20;

/**
 * What a class starts behind, in builds of one client. A bulk build is passed by four rounds of devices, never by all of them.
 */
const CLASS_OFFSET: Readonly<Record<PriorityClass, number>> = { device: 0, bulk: 4 * BUILD_COST };

/** A build whose score is no more than this above the smallest one is due: no class and no other client comes well before it. */
export const DUE_SPAN = CLASS_OFFSET.bulk + 2 * BUILD_COST;

/** The largest weight: that many builds of a client count as one. */
export const MAX_WEIGHT = 1024;

export interface FairOrder {
  /** Sorts the build among all that wait; smallest first. Fixed for its whole life. */
  readonly score: number;
  /** Its place in `waiting-order`. */
  readonly startTag: number;
  /** To be kept for its client and class. */
  readonly finishTag: number;
  readonly virtualTime: number;
}

/**
 * Where a build is to wait that is accepted now.
 * @param state the clock, and the client's finish tag in this class if one is kept.
 * @param weight integer from 1 to `MAX_WEIGHT`; a client of weight 2 gets twice the builds of one of weight 1.
 */
export function orderAtSubmit(
  state: { readonly virtualTime: number; readonly clientTag: number | undefined },
  priority: PriorityClass,
  weight = 1,
): FairOrder {
  const virtualTime = state.virtualTime + 1;
  const startTag = Math.max(virtualTime, state.clientTag ?? 0);
  const finishTag = startTag + Math.floor(BUILD_COST / Math.min(MAX_WEIGHT, Math.max(1, weight)));
  return { score: startTag + CLASS_OFFSET[priority], startTag, finishTag, virtualTime };
}

/**
 * The clock after a claim.
 * @param waiting what waited before it, the claimed build included: how many, and the smallest start tag.
 */
export function virtualTimeAfterClaim(
  virtualTime: number,
  waiting: { readonly count: number; readonly smallestStartTag: number },
): number {
  return Math.max(virtualTime + Math.ceil(BUILD_COST / Math.max(1, waiting.count)), waiting.smallestStartTag);
}

/** The score of a build that was claimed and waits again: it had its turn, so it is behind nobody who comes later. */
export function scoreAtReturn(score: number, virtualTime: number): number {
  return Math.min(score, virtualTime);
}
