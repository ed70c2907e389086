import type { Lane } from '../../shared/domain/build-spec.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Outlook } from './eta.ts';
import {
  type AgentView,
  type FarmView,
  freeSlots,
  isUsable,
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

/** The agents that are to be counted on by what they have warm and what they fetch: made once for all questions about one picture. */
export interface Holders {
  readonly warm: ReadonlyMap<string, readonly AgentView[]>;
  readonly fetching: ReadonlyMap<string, readonly AgentView[]>;
}

export function holdersOf(farm: Pick<FarmView, 'agents'>): Holders {
  const warm = new Map<string, AgentView[]>();
  const fetching = new Map<string, AgentView[]>();
  for (const agent of farm.agents.filter(isUsable)) {
    for (const each of agent.warm) put(warm, keyOf(each), agent);
    for (const each of agent.warming) put(fetching, keyOf(each), agent);
  }
  return { warm, fetching };
}

/**
 * What the farm has for a build that waits.
 * @param maxFetches most fetches at once, farm-wide.
 * @param holders of this farm.
 * @returns undefined where no agent that is there may take it: nobody can say when it begins.
 */
export function prospectOf(
  farm: FarmView,
  waited: Waited,
  maxFetches: number,
  holders: Holders = holdersOf(farm),
): Prospect | undefined {
  const { builder } = waited;
  const set: WaitingView = { ...waited, count: 1, firstScore: 0, avoidAgent: undefined };
  if (!farm.agents.some((agent) => mayServe(agent, set))) return undefined;
  const held = (by: Holders['warm']): readonly AgentView[] =>
    (by.get(keyOf(waited)) ?? []).filter((agent) => mayServe(agent, set));
  const warm = new Set(held(holders.warm));
  const fetching = held(holders.fetching).filter((agent) => !warm.has(agent));
  // A fetch under way is in its middle, as far as anybody knows.
  const comingMs = fetching.map(({ agentId }) => fetchMsOf(farm.timings, builder, agentId) / 2);
  return {
    count: farm.waiting.find((each) => isSame(each, waited))?.count ?? 0,
    warmSlots: slotsOf([...warm]),
    freeWarmSlots: [...warm].reduce((sum, agent) => sum + freeSlots(agent), 0),
    comingSlots: slotsOf(fetching),
    comingInMs: comingMs.length === 0 ? 0 : Math.min(...comingMs),
    buildMs: buildMsOf(farm.timings, builder),
    fetchMs: fetchMsOf(farm.timings, builder) * (1 + fetchRoundsBefore(farm, waited, maxFetches, holders)),
    rivals: rivalsOf(farm, waited, warm, holders),
  };
}

/** Fetches that others wait for as well come first, so many at once as the farm allows. */
function fetchRoundsBefore(farm: FarmView, waited: Waited, maxFetches: number, holders: Holders): number {
  const own = farm.waiting.find((set) => isSame(set, waited));
  const cold = farm.waiting.filter(
    (set) =>
      !isSame(set, waited) &&
      set.firstScore < (own?.firstScore ?? Number.POSITIVE_INFINITY) &&
      !holders.warm.has(keyOf(set)) &&
      !holders.fetching.has(keyOf(set)),
  );
  return Math.floor(cold.length / Math.max(1, maxFetches));
}

function rivalsOf(
  farm: FarmView,
  waited: Waited,
  warm: ReadonlySet<AgentView>,
  holders: Holders,
): readonly RivalSet[] {
  const rivals: RivalSet[] = [];
  for (const set of farm.waiting) {
    if (isSame(set, waited)) continue;
    const serving = (holders.warm.get(keyOf(set)) ?? []).filter((agent) => mayServe(agent, set));
    const sharedSlots = slotsOf(serving.filter((agent) => warm.has(agent)));
    if (sharedSlots === 0) continue;
    const { lane, builder, count } = set;
    rivals.push({ lane, builder, count, slots: slotsOf(serving), sharedSlots });
  }
  const weight = ({ count, slots, sharedSlots }: RivalSet): number => (count * sharedSlots) / slots;
  return rivals.sort((left, right) => weight(right) - weight(left));
}

function isSame(set: Waited, other: Waited): boolean {
  return set.lane === other.lane && set.builder === other.builder;
}

function keyOf({ builder, digest }: PinnedBuilder): string {
  return `${builder} ${digest}`;
}

function put(all: Map<string, AgentView[]>, key: string, agent: AgentView): void {
  const agents = all.get(key);
  if (agents) agents.push(agent);
  else all.set(key, [agent]);
}

function slotsOf(agents: readonly AgentView[]): number {
  return agents.reduce((sum, { slots }) => sum + slots, 0);
}
