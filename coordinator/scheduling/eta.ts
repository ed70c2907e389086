/** A waiting set that agents also serve who serve the build in question. */
export interface Rival {
  /** Builds in it that come before, by score: ZCOUNT. */
  readonly before: number;
  /** Warm slots for it in all, and those of them that are warm for the build in question too. */
  readonly slots: number;
  readonly sharedSlots: number;
}

/**
 * How many builds will really run before one on the slots it may run on: those before it for the same builder, and of the others as
 * much as falls to shared slots. 0-based; whole.
 * @param rank place in its own waiting set, 0-based: ZRANK.
 * @param otherBuilds what falls to shared slots of sets that are not among the rivals.
 */
export function positionOf(rank: number, rivals: readonly Rival[] = [], otherBuilds = 0): number {
  const others = rivals.reduce(
    (sum, { before, slots, sharedSlots }) => sum + (slots > 0 ? (before * sharedSlots) / slots : 0),
    otherBuilds,
  );
  return Math.round(rank + others);
}

/** What an ETA rests on. */
export interface Outlook {
  /** See `positionOf`. */
  readonly position: number;
  /** Slots of agents that have the builder warm and may take the build, and those of them that are free. */
  readonly warmSlots: number;
  readonly freeWarmSlots: number;
  /** Slots of agents that fetch it, and how long the first of them still needs, milliseconds. */
  readonly comingSlots: number;
  readonly comingInMs: number;
  /** Median run of an attempt, and time to make the builder warm, milliseconds. */
  readonly buildMs: number;
  readonly fetchMs: number;
}

/** When a waiting build is expected to begin, and to be done, milliseconds from now. */
export interface Eta {
  readonly startsInMs: number;
  readonly doneInMs: number;
}

/**
 * The expected time of a waiting build. Slots that are busy now become free evenly over one build's time, so `slots` of them
 * let one begin every buildMs / slots; slots of agents that fetch join in when they are ready. With nobody warm or fetching a fetch begins
 * at once.
 */
export function etaOf(outlook: Outlook): Eta {
  const { position, warmSlots, freeWarmSlots, buildMs } = outlook;
  const coming = warmSlots + outlook.comingSlots > 0 ? outlook.comingSlots : 1;
  const comingInMs = outlook.comingSlots > 0 ? outlook.comingInMs : outlook.fetchMs;
  const startsInMs = ((): number => {
    if (position < freeWarmSlots) return 0;
    const left = position - freeWarmSlots + 1;
    const beforeMs = warmSlots > 0 ? (left * buildMs) / warmSlots : Number.POSITIVE_INFINITY;
    if (coming === 0 || beforeMs <= comingInMs) return beforeMs;
    const servedMeanwhile = warmSlots > 0 ? (comingInMs * warmSlots) / buildMs : 0;
    const stillLeft = left - servedMeanwhile;
    return comingInMs + (Math.max(0, stillLeft - coming) * buildMs) / (warmSlots + coming);
  })();
  return { startsInMs: Math.round(startsInMs), doneInMs: Math.round(startsInMs + buildMs) };
}

/** What is always said to be left of a build that is made: it may take longer than usual, and nobody knows by how much. */
const LEAST_PART_LEFT = 0.1;

/** What is left of a build that has run for so long, by the median of such builds, milliseconds. */
export function remainingMs(buildMs: number, ranMs: number): number {
  return Math.round(Math.max(buildMs * LEAST_PART_LEFT, buildMs - Math.max(0, ranMs)));
}

/** Bounds of Retry-After, seconds. Clients of asu ask every 5 s at most; those that heed the header may come less often. */
const MIN_RETRY_S = 2;
const MAX_RETRY_S = 30;

/** When to ask again, whole seconds: after a tenth of what is left, so that the answer is at most a tenth late. */
export function retryAfterSeconds(doneInMs: number): number {
  return Math.min(MAX_RETRY_S, Math.max(MIN_RETRY_S, Math.ceil(doneInMs / 10_000)));
}
