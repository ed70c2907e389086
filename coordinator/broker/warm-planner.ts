import { LANES } from '../../shared/domain/build-spec.ts';
import { type BuilderSource, builderToken, type PinnedBuilder } from '../../shared/domain/builder.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentRegistry } from '../agents/agent-registry.ts';
import { agentViewOf } from '../agents/agent-view.ts';
import type { BuildStore } from '../builds/build-store.ts';
import { type Lifetimes, sealFarmFailure } from '../builds/final-answer.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import type { FarmPicture, FarmPictures } from '../farm/farm-picture.ts';
import { evictionOrder, isOverBudget } from '../scheduling/eviction.ts';
import type { Fetch } from '../scheduling/fetch-plan.ts';
import { fetchFor, planFetches } from '../scheduling/warming.ts';
import type { FetchLimits } from '../scheduling/warming-state.ts';
import { shouldGiveUp } from './give-up.ts';

/** How old a plan may be, milliseconds; and one that knows nothing of a build that came meanwhile. */
const PLAN_MS = 900;
const SURPRISED_MS = 100;
/** A plan is used for at least so many times as long as it took to make: planning takes no more than a tenth of a coordinator. */
const COST_FACTOR = 10;

/** What clients are told of a builder that no agent can make warm. */
const GIVEN_UP =
  'The ImageBuilder could not be made ready: no machine could fetch, verify and unpack it. Please try again later.';

export interface WarmPlannerDependencies {
  readonly farm: FarmPictures;
  readonly builds: BuildStore;
  readonly waiting: WaitingQueue;
  readonly agents: AgentRegistry;
  readonly commit: FinalCommit;
  readonly limits: FetchLimits;
  readonly lifetimes: Lifetimes;
  readonly log: Log;
}

/** What an agent is to fetch, or only to remove. */
export interface WarmOrders {
  readonly warm?: BuilderSource;
  readonly evictable: readonly PinnedBuilder[];
}

/** What the whole farm should fetch, and which of it was ordered from here. */
interface Plan {
  readonly picture: FarmPicture;
  readonly fetches: readonly Fetch[];
  readonly isOrdered: Set<Fetch>;
}

/** Has agents fetch and remove builders as `scheduling/` decides, and gives up on builders that cannot be had. */
export class WarmPlanner {
  readonly #deps: WarmPlannerDependencies;
  #plan: Promise<Plan> | undefined;
  #plannedAt = Number.NEGATIVE_INFINITY;
  #costMs = 0;

  constructor(deps: WarmPlannerDependencies) {
    this.#deps = deps;
  }

  /**
   * Agents that are to fetch or to remove something now.
   * @param isSurprised when builds came that an older plan may not know of.
   */
  async agentsToAsk(isSurprised: boolean): Promise<readonly string[]> {
    const { fetches, isOrdered, picture } = await this.#newest(isSurprised ? SURPRISED_MS : PLAN_MS);
    const { view } = picture;
    return [
      ...fetches.filter((fetch) => !isOrdered.has(fetch)).map(({ agentId }) => agentId),
      ...view.agents.filter((agent) => isOverBudget(agent, view)).map(({ agentId }) => agentId),
    ];
  }

  /** What this agent should fetch or remove, or undefined. Claims a fetch, so that not all fetch the same. */
  async ordersFor(pull: Pull): Promise<WarmOrders | undefined> {
    if (pull.draining) return undefined;
    const plan = await this.#newest(PLAN_MS);
    const { view } = plan.picture;
    // The pull is newer than the picture, and names no builders of its attempts.
    const known = view.agents.find(({ agentId }) => agentId === pull.agentId);
    const { running, ending } = known && pull.attempts.length > 0 ? known : { running: [], ending: [] };
    const agent = agentViewOf({ pull, running, ending, isSuspect: false });
    if (isOverBudget(agent, view)) {
      const evictable = evictionOrder(agent, view).map(pinnedOf);
      return evictable.length > 0 ? { evictable } : undefined;
    }
    const fetch = fetchFor(pull, plan.fetches);
    return fetch && !plan.isOrdered.has(fetch) ? await this.#order(fetch, plan) : undefined;
  }

  /** An agent could not make a builder warm, for a reason that is for the log. When nobody can, the builds that wait for it fail. */
  async noteFailure(agentId: string, failed: PinnedBuilder & { readonly reason: string }): Promise<void> {
    const { agents, waiting, builds, commit, lifetimes, log } = this.#deps;
    const failures = await agents.noteWarmFailure(agentId, failed);
    if (!failures) return;
    this.#plannedAt = Number.NEGATIVE_INFINITY;
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

  async #order(fetch: Fetch, plan: Plan): Promise<WarmOrders | undefined> {
    const { agents, limits, log } = this.#deps;
    const { agentId, builder, digest, reason } = fetch;
    // Before anything is waited for: another look of the same agent is not to order it twice.
    plan.isOrdered.add(fetch);
    const warm = await this.#sourceOf(fetch, plan.picture);
    if (!warm) return undefined;
    const isForWaiting = reason === 'nobody' || reason === 'busy';
    const isPlanned = await agents.planWarm(agentId, builder, {
      seenFetches:
        fetchesOf(builder, plan.picture) +
        [...plan.isOrdered].filter((each) => each !== fetch && each.builder === builder).length,
      maxFetches: isForWaiting ? limits.maxFetches : limits.maxAhead,
    });
    if (!isPlanned) return undefined;
    log.info({ agentId, builder, digest, reason }, 'agent is to fetch a builder');
    return { warm, evictable: [...fetch.evict, ...fetch.spare].map(pinnedOf) };
  }

  /** Where the bytes lie that are to be fetched: as upstream offers them, or as a build that waits names them. */
  async #sourceOf(
    { builder, digest }: Fetch,
    { offered, sets }: FarmPicture,
  ): Promise<BuilderSource | undefined> {
    const source = offered.get(builder);
    if (source?.digest === digest) return source;
    for (const part of sets.filter((set) => set.builder === builder).flatMap(({ parts }) => parts)) {
      if (part.digest !== digest) continue;
      const record = await this.#deps.builds.get(part.first);
      if (record?.source.digest === digest && builderToken(record.source) === builder) return record.source;
    }
    return undefined;
  }

  async #newest(maxAgeMs: number): Promise<Plan> {
    const now = performance.now();
    if (!this.#plan || now - this.#plannedAt > Math.max(maxAgeMs, this.#costMs * COST_FACTOR)) {
      this.#plannedAt = now;
      const plan = this.#make(maxAgeMs);
      this.#plan = plan;
      plan.catch(() => {
        if (this.#plan === plan) this.#plan = undefined;
      });
    }
    return await this.#plan;
  }

  async #make(maxAgeMs: number): Promise<Plan> {
    const { farm, limits } = this.#deps;
    const picture = await farm.within(Math.min(maxAgeMs, SURPRISED_MS));
    const begunAt = performance.now();
    const fetches = planFetches(picture.view, limits);
    this.#costMs = performance.now() - begunAt;
    return { picture, fetches, isOrdered: new Set() };
  }
}

function fetchesOf(builder: string, { view }: FarmPicture): number {
  return view.agents.filter(({ warming }) => warming.some((each) => each.builder === builder)).length;
}

function pinnedOf({ builder, digest }: PinnedBuilder): PinnedBuilder {
  return { builder, digest };
}
