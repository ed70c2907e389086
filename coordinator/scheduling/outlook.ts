import type { Lane } from '../../shared/domain/build-spec.ts';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Outlook } from './eta.ts';
import { waitingByBuilder } from './eviction.ts';
import {
  type AgentView,
  accepterOf,
  type FarmView,
  freeSlots,
  mayServe,
  type WaitingView,
} from './farm-view.ts';
import { Holders } from './holders.ts';
import { buildMsOf, fetchMsOf } from './timings.ts';

/** Of so many other sets it is worth counting how many of their builds come before. */
const COUNTED_RIVALS = 4;

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
  /** The few sets that take most of the shared slots, the first one most. */
  readonly rivals: readonly RivalSet[];
  /** Builds of all others that fall to shared slots. */
  readonly otherBuilds: number;
}

/** What one picture of the farm has for the builds that wait: worked out once for all that wait for the same. */
export class Prospects {
  readonly #farm: FarmView;
  readonly #maxFetches: number;
  readonly #holders: Holders;
  readonly #waiting: ReadonlyMap<string, readonly WaitingView[]>;
  readonly #known = new Map<string, Prospect | undefined>();
  readonly #slots = new Map<WaitingView, number>();

  /** @param maxFetches most fetches at once, farm-wide. */
  constructor(farm: FarmView, maxFetches: number) {
    this.#farm = farm;
    this.#maxFetches = maxFetches;
    this.#holders = new Holders(farm.agents);
    this.#waiting = waitingByBuilder(farm.waiting);
  }

  /** Undefined where no agent that is there may take such a build: nobody can say when it begins. */
  of(waited: Waited): Prospect | undefined {
    const key = `${waited.lane} ${waited.builder} ${waited.digest}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#look(waited));
    return this.#known.get(key);
  }

  #look(waited: Waited): Prospect | undefined {
    const { builder } = waited;
    const { agents, timings, waiting } = this.#farm;
    const set: WaitingView = { ...waited, count: 1, firstScore: 0, avoidAgent: undefined };
    const accepts = accepterOf(builder);
    const may = (agent: AgentView): boolean => mayServe(agent, set, accepts);
    if (!agents.some(may)) return undefined;
    const warm = new Set(this.#holders.warm(waited).filter(may));
    const fetching = this.#holders.fetching(waited).filter((agent) => may(agent) && !warm.has(agent));
    // A fetch under way is in its middle, as far as anybody knows.
    const comingMs = fetching.map(({ agentId }) => fetchMsOf(timings, builder, agentId) / 2);
    const rivals = this.#rivalsOf(waited, warm);
    return {
      count: waiting.find((each) => isSame(each, waited))?.count ?? 0,
      warmSlots: slotsOf([...warm]),
      freeWarmSlots: [...warm].reduce((sum, agent) => sum + freeSlots(agent), 0),
      comingSlots: slotsOf(fetching),
      comingInMs: comingMs.length === 0 ? 0 : Math.min(...comingMs),
      buildMs: buildMsOf(timings, builder),
      fetchMs: fetchMsOf(timings, builder) * (1 + this.#fetchRoundsBefore(waited)),
      rivals: rivals.slice(0, COUNTED_RIVALS),
      otherBuilds: rivals.slice(COUNTED_RIVALS).reduce((sum, rival) => sum + onSharedSlots(rival), 0),
    };
  }

  /** Fetches that others wait for as well come first, so many at once as the farm allows. */
  #fetchRoundsBefore(waited: Waited): number {
    const { waiting } = this.#farm;
    const own = waiting.find((set) => isSame(set, waited));
    const cold = waiting.filter(
      (set) =>
        !isSame(set, waited) &&
        set.firstScore < (own?.firstScore ?? Number.POSITIVE_INFINITY) &&
        this.#holders.warm(set).length === 0 &&
        this.#holders.fetching(set).length === 0,
    );
    return Math.floor(cold.length / Math.max(1, this.#maxFetches));
  }

  #rivalsOf(waited: Waited, warm: ReadonlySet<AgentView>): readonly RivalSet[] {
    const shared = new Map<WaitingView, number>();
    for (const agent of warm)
      for (const { builder, digest } of agent.warm)
        for (const set of this.#waiting.get(builder) ?? [])
          if (set.digest === digest && !isSame(set, waited) && mayServe(agent, set))
            shared.set(set, (shared.get(set) ?? 0) + agent.slots);
    return [...shared]
      .map(([set, sharedSlots]): RivalSet => {
        const { lane, builder, count } = set;
        return { lane, builder, count, slots: this.#slotsFor(set), sharedSlots };
      })
      .sort((left, right) => onSharedSlots(right) - onSharedSlots(left));
  }

  #slotsFor(set: WaitingView): number {
    const known = this.#slots.get(set);
    if (known !== undefined) return known;
    const slots = slotsOf(this.#holders.warm(set).filter((agent) => mayServe(agent, set)));
    this.#slots.set(set, slots);
    return slots;
  }
}

/** Builds of a set that fall to the slots it shares. */
function onSharedSlots({ count, slots, sharedSlots }: RivalSet): number {
  return (count * sharedSlots) / slots;
}

function isSame(set: Waited, other: Waited): boolean {
  return set.lane === other.lane && set.builder === other.builder;
}

function slotsOf(agents: readonly AgentView[]): number {
  return agents.reduce((sum, { slots }) => sum + slots, 0);
}
