import { doesAccept } from '../../shared/domain/accepts.ts';
import type { Lane } from '../../shared/domain/build-spec.ts';
import { type PinnedBuilder, parseBuilderToken } from '../../shared/domain/builder.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { Timings } from './timings.ts';

/*
 * What scheduling decides from. Everything here is plain data read at one moment, so that a decision is a function of it and two
 * coordinators with the same picture decide alike.
 */

/** An agent: what its newest pull told, and what the farm counts for it. */
export interface AgentView
  extends Pick<
    Pull,
    | 'agentId'
    | 'slots'
    | 'warm'
    | 'warming'
    | 'loadPerCore'
    | 'cpuPressure'
    | 'diskFreeBytes'
    | 'diskBudgetBytes'
    | 'accepts'
    | 'draining'
  > {
  /** Which builds it may take. */
  readonly lanes: readonly Lane[];
  /** Builder of each attempt it holds, by the farm's own count. */
  readonly running: readonly string[];
  /** Builder of each attempt that has ended there and is still being cleaned up after: in use for a moment more. */
  readonly ending: readonly string[];
  /** Went silent with a build: not to be counted on. */
  readonly isSuspect: boolean;
  /** Builders it failed to make warm lately and is not to be asked for now. */
  readonly paused: readonly string[];
}

/** The builds that wait for one builder in one lane. */
export interface WaitingView extends PinnedBuilder {
  readonly lane: Lane;
  readonly count: number;
  /** Score of the first of them, see `fair-order.ts`. */
  readonly firstScore: number;
  /** An agent the first of them is not to go to. */
  readonly avoidAgent: string | undefined;
}

export interface FarmView {
  readonly agents: readonly AgentView[];
  readonly waiting: readonly WaitingView[];
  /** Requests per millisecond by builder, see `demand.ts`. Builders nobody asks for may be left out. */
  readonly rates: ReadonlyMap<string, number>;
  readonly timings: Timings;
  /** What a builder takes on disk, bytes, by builder, as anybody measured it. */
  readonly sizes: ReadonlyMap<string, number>;
  /** The same for a builder nobody measured; absent where nobody measured any. */
  readonly usualSizeBytes?: number | undefined;
  /** Digest upstream offers now, by builder. */
  readonly digests: ReadonlyMap<string, string>;
  /** Builders the operator wants warm always. */
  readonly pinned: ReadonlySet<string>;
}

/** Slots an agent has for new attempts. */
export function freeSlots(agent: AgentView): number {
  return agent.draining || agent.isSuspect ? 0 : Math.max(0, agent.slots - agent.running.length);
}

/** Whether it has exactly these bytes. */
export function isWarm(agent: AgentView, wanted: PinnedBuilder): boolean {
  return agent.warm.some((each) => each.builder === wanted.builder && each.digest === wanted.digest);
}

export function isFetching(agent: AgentView, wanted: PinnedBuilder): boolean {
  return agent.warming.some((each) => each.builder === wanted.builder && each.digest === wanted.digest);
}

/** Whether the farm counts on an agent for new work. */
export function isUsable(agent: AgentView): boolean {
  return !agent.draining && !agent.isSuspect && agent.slots > 0;
}

/** Tells which agents may ever take builds of this builder. For many agents, as its name is taken apart once. */
export function accepterOf(builder: string): (agent: Pick<AgentView, 'accepts'>) => boolean {
  let parsed: ReturnType<typeof parseBuilderToken> | null = null;
  return ({ accepts }) => {
    if (!accepts) return true;
    if (parsed === null) parsed = parseBuilderToken(builder);
    return parsed !== undefined && doesAccept(accepts, parsed);
  };
}

/** Whether it may ever take builds of this builder. */
export function acceptsBuilder(agent: Pick<AgentView, 'accepts'>, builder: string): boolean {
  return agent.accepts === undefined || accepterOf(builder)(agent);
}

/**
 * Whether it may take the first build of a set, now or once it has a free slot and the builder.
 * @param accepts of the set's builder, for who asks about many agents.
 */
export function mayServe(agent: AgentView, set: WaitingView, accepts = accepterOf(set.builder)): boolean {
  return isUsable(agent) && isOpenTo(agent, set) && accepts(agent);
}

/** Whether nothing is against it but perhaps its builder. */
export function isOpenTo(agent: AgentView, set: WaitingView): boolean {
  return agent.lanes.includes(set.lane) && set.avoidAgent !== agent.agentId;
}
