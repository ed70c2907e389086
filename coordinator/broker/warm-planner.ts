import { LANES } from '../../shared/domain/build-spec.ts';
import type { BuilderSource, PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentRegistry, AgentState } from '../agents/agent-registry.ts';
import type { BuildStore } from '../builds/build-store.ts';
import { sealFarmFailure } from '../builds/final-answer.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import { shouldWarm, warmDemand } from './warm-policy.ts';

/** A builder that could not be made warm this often is given up, with the builds that wait for it. */
const MAX_WARM_FAILURES = 3;
/** How old the picture of all agents may be, milliseconds; many pulls look at once when work arrives. */
const PICTURE_MS = 200;

export interface WarmPlannerDependencies {
  readonly builds: BuildStore;
  readonly waiting: WaitingQueue;
  readonly agents: AgentRegistry;
  readonly commit: FinalCommit;
  readonly maxWarming: number;
  readonly log: Log;
}

/** Decides which agent fetches which builder, and gives up on builders that cannot be had. */
export class WarmPlanner {
  readonly #deps: WarmPlannerDependencies;
  #picture: { readonly takenAt: number; readonly agents: Promise<readonly AgentState[]> } | undefined;

  constructor(deps: WarmPlannerDependencies) {
    this.#deps = deps;
  }

  /** A builder this agent should fetch for what waits, or undefined. Claims the plan, so that not all fetch the same. */
  async plan(pull: Pull, sets: readonly WaitingSet[]): Promise<BuilderSource | undefined> {
    if (pull.warming.length > 0 || pull.draining) return undefined;
    for (const set of sets) {
      const record = await this.#deps.builds.get(set.first);
      if (!record) continue;
      const wanted = { builder: set.builder, digest: record.source.digest };
      if (pull.warm.some((each) => each.builder === wanted.builder && each.digest === wanted.digest))
        continue;
      const { avoidAgent, waitedMs } = await this.#deps.builds.waitOf(set.first);
      if (avoidAgent === pull.agentId) continue;
      const demand = warmDemand(await this.#agents(), wanted, {
        count: set.count,
        firstWaitMs: waitedMs,
        avoidAgent,
      });
      if (!shouldWarm(demand)) continue;
      const isPlanned = await this.#deps.agents.planWarm(pull.agentId, set.builder, {
        waitingCount: demand.waitingCount,
        freeWarmSlots: demand.freeWarmSlots,
        maxWarming: this.#deps.maxWarming,
      });
      if (isPlanned) {
        this.#deps.log.info({ agentId: pull.agentId, builder: set.builder }, 'agent is to fetch a builder');
        return record.source;
      }
    }
    return undefined;
  }

  /** An agent could not make a builder warm. After too many times the builds that wait for it fail with the reason. */
  async noteFailure(agentId: string, failed: PinnedBuilder & { readonly reason: string }): Promise<void> {
    const count = await this.#deps.agents.noteWarmFailure(agentId, failed);
    this.#deps.log.warn(
      { agentId, builder: failed.builder, reason: failed.reason, count },
      'builder not made warm',
    );
    if (count < MAX_WARM_FAILURES) return;
    for (const lane of LANES) {
      for (const hash of await this.#deps.waiting.waitingHashes(lane, failed.builder, 1000)) {
        const record = await this.#deps.builds.get(hash);
        if (record?.state !== 'queued' || record.source.digest !== failed.digest) continue;
        const sealed = sealFarmFailure(record, `The ImageBuilder could not be made ready: ${failed.reason}`);
        if (await this.#deps.builds.abandon(record, sealed)) await this.#deps.commit.complete(hash);
      }
    }
    await this.#deps.agents.clearWarmFailures(failed);
  }

  async #agents(): Promise<readonly AgentState[]> {
    const now = performance.now();
    if (!this.#picture || now - this.#picture.takenAt > PICTURE_MS) {
      this.#picture = { takenAt: now, agents: this.#deps.agents.list() };
    }
    return await this.#picture.agents;
  }
}
