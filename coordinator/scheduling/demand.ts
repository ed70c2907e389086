/** How long until a request counts half, milliseconds: one week, so that weekdays and last month's release both fade. */
export const HALF_LIFE_MS = 7 * 24 * 3_600_000;

/** Requests for a builder, older ones counting less. In Redis two numbers: `<count>` and `<countedAt>`. */
export interface Demand {
  readonly count: number;
  /** When `count` was right, epoch milliseconds. */
  readonly countedAt: number;
}

/** What a demand counts at a time. A clock that went back changes nothing. */
export function demandAt(demand: Demand, nowMs: number): number {
  return demand.count * 2 ** (-Math.max(0, nowMs - demand.countedAt) / HALF_LIFE_MS);
}

/** One more request: count·2^(−Δt/half-life) + 1. */
export function countRequest(demand: Demand | undefined, nowMs: number): Demand {
  return { count: (demand ? demandAt(demand, nowMs) : 0) + 1, countedAt: nowMs };
}

/**
 * Requests per millisecond that would keep a demand where it is: n a week settle at n / ln 2.
 * For a farm younger than a few half-lives it is too low for all builders alike.
 */
export function ratePerMs(demand: Demand, nowMs: number): number {
  return (demandAt(demand, nowMs) * Math.LN2) / HALF_LIFE_MS;
}

/** Builders by demand, the most wanted first, equal ones by name. */
export function rankByDemand(demands: ReadonlyMap<string, Demand>, nowMs: number): readonly string[] {
  return [...demands]
    .map(([builder, demand]) => ({ builder, count: demandAt(demand, nowMs) }))
    .sort((left, right) => right.count - left.count || (left.builder < right.builder ? -1 : 1))
    .map(({ builder }) => builder);
}
