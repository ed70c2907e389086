import { LANES } from '../../shared/domain/build-spec.ts';
import type { BuilderSource, PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentRegistry, AgentState } from '../agents/agent-registry.ts';
import type { BuildStore } from '../builds/build-store.ts';
import { type Lifetimes, sealFarmFailure } from '../builds/final-answer.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import { shouldGiveUp, shouldWarm, warmDemand } from './warm-policy.ts';

/** How old the picture of the farm may be, milliseconds; many pulls look at once when work arrives. */
const PICTURE_MS = 200;

/** What clients are told of a builder that no agent can make warm. */
const GIVEN_UP =
  'The ImageBuilder could not be made ready: no machine could fetch, verify and unpack it. Please try again later.';

export interface WarmPlannerDependencies {
  readonly builds: BuildStore;
  readonly waiting: WaitingQueue;
  readonly agents: AgentRegistry;
  readonly commit: FinalCommit;
  readonly maxWarming: number;
  readonly lifetimes: Lifetimes;
  readonly log: Log;
}

/** The first build of a waiting set, as far as planning needs it. */
interface First {
  readonly source: BuilderSource;
  readonly avoidAgent: string | null;
  readonly waitedMs: number;
}

/** What planning rests on, read once for all pulls that look within a moment. */
interface Picture {
  readonly takenAt: number;
  readonly agents: Promise<readonly AgentState[]>;
  readonly warmingCount: Promise<number>;
  readonly firsts: Map<string, Promise<First | undefined>>;
}

/** Decides which agent fetches which builder, and gives up on builders that cannot be had. */
export class WarmPlanner {
  readonly #deps: WarmPlannerDependencies;
  #picture: Picture | undefined;

  constructor(deps: WarmPlannerDependencies) {
    this.#deps = deps;
  }

  /** A builder this agent should fetch for what waits, or undefined. Claims the plan, so that not all fetch the same. */
  async plan(pull: Pull, sets: readonly WaitingSet[]): Promise<BuilderSource | undefined> {
    if (pull.warming.length > 0 || pull.draining || sets.length === 0) return undefined;
    const picture = this.#look();
    if ((await picture.warmingCount) >= this.#deps.maxWarming) return undefined;
    for (const set of sets) {
      const source = await this.#planFor(pull, set, picture);
      if (source) return source;
    }
    return undefined;
  }

  /** An agent could not make a builder warm, for a reason that is for the log. When nobody can, the builds that wait for it fail. */
  async noteFailure(agentId: string, failed: PinnedBuilder & { readonly reason: string }): Promise<void> {
    const { agents, waiting, builds, commit, lifetimes, log } = this.#deps;
    const failures = await agents.noteWarmFailure(agentId, failed);
    if (!failures) return;
    this.#picture = undefined;
    log.warn({ agentId, builder: failed.builder, reason: failed.reason, failures }, 'builder not made warm');
    if (!shouldGiveUp(await agents.list(), failed, failures)) return;
    for (const lane of LANES) {
      for (const hash of await waiting.waitingHashes(lane, failed.builder, 1000)) {
        const record = await builds.get(hash);
        if (record?.state !== 'queued' || record.source.digest !== failed.digest) continue;
        const sealed = sealFarmFailure(record, GIVEN_UP, lifetimes);
        if (await builds.abandon(record, sealed)) await commit.complete(hash);
      }
    }
    await agents.clearWarmFailures(failed);
  }

  async #planFor(pull: Pull, set: WaitingSet, picture: Picture): Promise<BuilderSource | undefined> {
    const first = await this.#first(set, picture);
    if (!first || first.avoidAgent === pull.agentId) return undefined;
    const wanted = { builder: set.builder, digest: first.source.digest };
    const isWarm = pull.warm.some((each) => each.builder === wanted.builder && each.digest === wanted.digest);
    if (isWarm) return undefined;
    const demand = warmDemand(await picture.agents, wanted, {
      count: set.count,
      firstWaitMs: first.waitedMs,
      avoidAgent: first.avoidAgent,
    });
    if (!shouldWarm(demand)) return undefined;
    const isPlanned = await this.#deps.agents.planWarm(pull.agentId, set.builder, {
      waitingCount: demand.waitingCount,
      freeWarmSlots: demand.freeWarmSlots,
      maxWarming: this.#deps.maxWarming,
    });
    if (!isPlanned) return undefined;
    this.#picture = undefined;
    this.#deps.log.info({ agentId: pull.agentId, builder: set.builder }, 'agent is to fetch a builder');
    return first.source;
  }

  async #first(set: WaitingSet, picture: Picture): Promise<First | undefined> {
    let first = picture.firsts.get(set.first);
    if (!first) {
      first = this.#readFirst(set.first);
      picture.firsts.set(set.first, first);
    }
    return await first;
  }

  async #readFirst(hash: string): Promise<First | undefined> {
    const record = await this.#deps.builds.get(hash);
    if (!record) return undefined;
    return { source: record.source, ...(await this.#deps.builds.waitOf(hash)) };
  }

  #look(): Picture {
    const now = performance.now();
    if (!this.#picture || now - this.#picture.takenAt > PICTURE_MS) {
      const { agents } = this.#deps;
      this.#picture = {
        takenAt: now,
        agents: agents.list(),
        warmingCount: agents.warmingCount(),
        firsts: new Map(),
      };
    }
    return this.#picture;
  }
}
