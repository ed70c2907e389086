import type { Lane } from '../../shared/domain/build-spec.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Outlook } from './eta.ts';
import {
  type AgentView,
  type FarmView,
  freeSlots,
  isFetching,
  isUsable,
  isWarm,
  mayServe,
  type WaitingView,
} from './farm-view.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';

/** What waits in one lane for one builder. */
export interface Waited extends PinnedBuilder {
  readonly lane: Lane;
}

/** A waiting set whose builds run on slots that a build could have too. */
export interface RivalSet {
  readonly lane: Lane;
  readonly builder: string;
  /** Builds in it. */
  readonly count: number;
  /** Warm slots for it in all, and those of them that are warm for the build in question too. */
  readonly slots: number;
  readonly sharedSlots: number;
}

/** What the farm has for a waiting build, all but how many come before it. */
export interface Prospect extends Omit<Outlook, 'position'> {
  /** Builds that wait for the same builder in the same lane. */
  readonly count: number;
  /** Those that take most of the shared slots first. */
  readonly rivals: readonly RivalSet[];
}

/**
 * What the farm has for a build that waits.
 * @param maxFetches most fetches at once, farm-wide.
 * @returns undefined where no agent that is there may take it: nobody can say when it begins.
 */
export function prospectOf(farm: FarmView, waited: Waited, maxFetches: number): Prospect | undefined {
  const { builder } = waited;
  const set: WaitingView = { ...waited, count: 1, firstScore: 0, avoidAgent: undefined };
  const eligible = farm.agents.filter((agent) => mayServe(agent, set));
  if (eligible.length === 0) return undefined;
  const warm = eligible.filter((agent) => isWarm(agent, waited));
  const fetching = eligible.filter((agent) => !isWarm(agent, waited) && isFetching(agent, waited));
  // A fetch under way is in its middle, as far as anybody knows.
  const comingMs = fetching.map(({ agentId }) => fetchMsOf(farm.timings, builder, agentId) / 2);
  return {
    count: farm.waiting.find((each) => isSame(each, waited))?.count ?? 0,
    warmSlots: slotsOf(warm),
    freeWarmSlots: warm.reduce((sum, agent) => sum + freeSlots(agent), 0),
    comingSlots: slotsOf(fetching),
    comingInMs: comingMs.length === 0 ? 0 : Math.min(...comingMs),
    buildMs: buildMsOf(farm.timings, builder),
    fetchMs: fetchMsOf(farm.timings, builder) * (1 + fetchRoundsBefore(farm, waited, maxFetches)),
    rivals: rivalsOf(farm, waited, warm),
  };
}

/** Fetches that others wait for as well come first, so many at once as the farm allows. */
function fetchRoundsBefore(farm: FarmView, waited: Waited, maxFetches: number): number {
  const own = farm.waiting.find((set) => isSame(set, waited));
  const cold = farm.waiting.filter(
    (set) =>
      !isSame(set, waited) &&
      set.firstScore < (own?.firstScore ?? Number.POSITIVE_INFINITY) &&
      !farm.agents.some((agent) => isUsable(agent) && (isWarm(agent, set) || isFetching(agent, set))),
  );
  return Math.floor(cold.length / Math.max(1, maxFetches));
}

function rivalsOf(farm: FarmView, waited: Waited, warm: readonly AgentView[]): readonly RivalSet[] {
  const rivals: RivalSet[] = [];
  for (const set of farm.waiting) {
    if (isSame(set, waited)) continue;
    const sharedSlots = slotsOf(warm.filter((agent) => mayServe(agent, set) && isWarm(agent, set)));
    if (sharedSlots === 0) continue;
    const slots = slotsOf(farm.agents.filter((agent) => mayServe(agent, set) && isWarm(agent, set)));
    rivals.push({ lane: set.lane, builder: set.builder, count: set.count, slots, sharedSlots });
  }
  const weight = ({ count, slots, sharedSlots }: RivalSet): number => (count * sharedSlots) / slots;
  return rivals.sort((left, right) => weight(right) - weight(left));
}

function isSame(set: Waited, other: Waited): boolean {
  return set.lane === other.lane && set.builder === other.builder;
}

function slotsOf(agents: readonly AgentView[]): number {
  return agents.reduce((sum, { slots }) => sum + slots, 0);
}
