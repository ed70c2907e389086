import { exponential, type Random, seededRandom } from '../../bench/sim/random.ts';
import type { FaultKind } from './fault-kind.ts';

type Kind = Pick<FaultKind, 'name' | 'targets' | 'lastsMs' | 'touches' | 'wipes'>;

export interface PlannedFault<K extends Kind = FaultKind> {
  readonly kind: K;
  /** From the run's beginning, milliseconds. */
  readonly atMs: number;
  readonly lastsMs: number;
  readonly target: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  /** About how long the faults take in all; every kind occurs once at least, however short that is. */
  readonly durationMs: number;
  readonly agents: number;
  readonly coordinators: number;
}

/** About the time from one fault to the next: several are under way at once. */
const GAP_MS = 4_000;
/** What is wiped is whole again this long after, and what others lost before is mended. */
const MENDED_MS = 10_000;

/**
 * When what is done to the farm, in the order of time: the same for the same seed, and every kind as often as any other. While
 * one store is wiped, and around it, no other store is touched: what only those two held would rightly be lost.
 */
export function planFaults<K extends Kind>(
  kinds: readonly K[],
  options: ScheduleOptions,
): readonly PlannedFault<K>[] {
  const random = seededRandom(options.seed);
  const rounds = Math.max(1, Math.round(options.durationMs / (kinds.length * GAP_MS)));
  const gapMs = options.durationMs / (rounds * kinds.length);
  const planned: PlannedFault<K>[] = [];
  let atMs = 0;
  for (let round = 0; round < rounds; round += 1) {
    const left = shuffled(kinds, random);
    while (left.length > 0) {
      atMs += exponential(random, gapMs);
      const fault = takeNext(left, planned, atMs, options, random);
      atMs = fault.atMs;
      planned.push(fault);
    }
  }
  return planned.sort((one, other) => one.atMs - other.atMs);
}

/** The first of those left that may be done now; when none may, the first one, as soon as it may. */
function takeNext<K extends Kind>(
  left: K[],
  planned: readonly PlannedFault<K>[],
  atMs: number,
  options: ScheduleOptions,
  random: Random,
): PlannedFault<K> {
  // In a short run none takes most of it.
  const mostMs = options.durationMs / 4;
  const drawn = left.map((kind) => ({ kind, lastsMs: Math.min(mostMs, between(kind.lastsMs, random)) }));
  const starts = drawn.map((each) => earliest(each, planned, atMs));
  const soonest = Math.min(...starts);
  const index = starts.indexOf(soonest);
  const [{ kind, lastsMs } = { kind: undefined, lastsMs: 0 }] = drawn.slice(index, index + 1);
  if (!kind) throw new RangeError('there is no fault left to plan');
  left.splice(index, 1);
  return { kind, lastsMs, atMs: soonest, target: Math.floor(random.next() * targetsOf(kind, options)) };
}

function earliest<K extends Kind>(
  fault: Pick<PlannedFault<K>, 'kind' | 'lastsMs'>,
  planned: readonly PlannedFault<K>[],
  atMs: number,
): number {
  const rivals = planned.filter((other) => exclude(fault.kind, other.kind));
  let startMs = atMs;
  for (const { atMs: from, lastsMs } of rivals.toSorted((one, other) => one.atMs - other.atMs)) {
    const isClear = startMs + fault.lastsMs + MENDED_MS <= from || startMs >= from + lastsMs + MENDED_MS;
    if (!isClear) startMs = from + lastsMs + MENDED_MS;
  }
  return startMs;
}

/** Whether two may not be near each other. */
export function exclude(one: Kind, other: Kind): boolean {
  if (one.touches === undefined || other.touches === undefined) return false;
  return (one.wipes || other.wipes) === true && (one.touches !== other.touches || one.wipes === other.wipes);
}

function targetsOf(kind: Kind, { agents, coordinators }: ScheduleOptions): number {
  return { agents, coordinators, farm: 1 }[kind.targets];
}

function between([least, most]: readonly [number, number], random: Random): number {
  return least + random.next() * (most - least);
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random.next() * left.length), 1));
  return order;
}
