import type { Redis } from 'ioredis';
import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import { PARK_MS, type Pull, PullSchema } from '../../shared/messages/pull.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import {
  AGENTS_KEY,
  agentKey,
  buildKey,
  DRAINED_AGENTS_KEY,
  WARM_PAUSES_KEY,
  WARMING_KEY,
  warmFailuresKey,
} from '../builds/keys.ts';
import { redisNowMs } from '../builds/redis-now.ts';
import type { RedisScripts, ScriptAnswer } from '../builds/redis-scripts.ts';

/** An agent's state holds for one parked pull and a little more; who says nothing for longer is gone. */
const KEEP_MS = PARK_MS + 15_000;
/** A plan to fetch a builder holds this long without being confirmed by the agent's next pull. */
export const WARM_PLAN_MS = PARK_MS + 15_000;
/** How long an agent that failed to make a builder warm is not asked for it again; doubled by each further failure. */
const WARM_PAUSE_MS = 5_000;
const MAX_WARM_PAUSE_MS = 10 * 60_000;
/** How long a failure to make a builder warm is remembered. */
const WARM_FAILURES_S = 600;

/** An agent as its newest pull told, and what the farm counts for it. */
export interface AgentState {
  readonly pull: Pull;
  /** Builder of each attempt it holds, by the farm's own count. */
  readonly running: readonly string[];
  /** Builder of each attempt that has ended, and that it still tells of because it cleans up after it. */
  readonly ending: readonly string[];
  /** It went silent with a build and has not been heard of since. */
  readonly isSuspect: boolean;
  /** The operator lets it take no more work; `pull.draining` is true as well. */
  readonly isDrained: boolean;
}

export interface RecordedPull {
  /** False when a newer pull of the same session was taken in before. */
  readonly isNewest: boolean;
  /** The operator lets it take no more work. */
  readonly isDrained: boolean;
  /** Attempts the farm counts for the agent that it does not know of. */
  readonly revoke: readonly string[];
  /** Attempts the agent holds that are not its any more. */
  readonly cancel: readonly string[];
}

/** Who is there and has what warm, in Redis, so that every coordinator knows. */
export class AgentRegistry {
  readonly #redis: Redis;
  readonly #scripts: RedisScripts;
  /** The newest pull of each agent at the last look: most are the same at the next. */
  #pulls: ReadonlyMap<string, Pull> = new Map();

  constructor(redis: Redis, scripts: RedisScripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /** Takes an agent's state in. */
  async record(pull: Pull): Promise<RecordedPull> {
    const answer = await this.#scripts.run(
      'record-pull',
      {
        agentId: pull.agentId,
        session: pull.session,
        sequence: pull.sequence,
        slots: pull.draining ? 0 : pull.slots,
        keepMs: KEEP_MS,
        attempts: pull.attempts.map((lease) => ({ key: attemptKey(lease), nonce: lease.token.slice(0, 32) })),
      },
      JSON.stringify(pull),
    );
    if (answer.status === 'newest') await this.#noteWarming(pull);
    const isDrained = answer.isDrained ?? false;
    return {
      isNewest: answer.status === 'newest',
      isDrained,
      revoke: answer.revoke ?? [],
      cancel: answer.cancel ?? [],
    };
  }

  /** Which of these agents Redis does not know, because it lost them: they are to pull again. */
  async unknownOf(agentIds: readonly string[]): Promise<readonly string[]> {
    if ((await this.#redis.exists(...agentIds.map(agentKey))) === agentIds.length) return [];
    const known = await Promise.all(agentIds.map((id) => this.#redis.exists(agentKey(id))));
    return agentIds.filter((_, index) => known[index] === 0);
  }

  /** Every agent heard of lately. */
  async list(): Promise<readonly AgentState[]> {
    const { agents } = await this.#scripts.run('read-agents', { keepMs: KEEP_MS });
    const pulls = await this.#pullsOf(agents);
    const states = await Promise.all(
      agents.map(async ({ agentId, isSuspect, isDrained, running = [] }): Promise<AgentState | undefined> => {
        const pull = pulls.get(agentId);
        if (!pull) return undefined;
        return {
          pull: isDrained ? { ...pull, draining: true } : pull,
          running: running.map(({ builder }) => builder),
          ending: await this.#ending(pull, new Set(running.map(({ key }) => key))),
          isSuspect,
          isDrained,
        };
      }),
    );
    return states.filter((state) => state !== undefined);
  }

  /** The newest pulls of agents. Only those are read that are not known from the last time. */
  async #pullsOf(agents: ScriptAnswer<'read-agents'>['agents']): Promise<ReadonlyMap<string, Pull>> {
    const pulls = new Map<string, Pull>();
    const pipeline = this.#redis.pipeline();
    const read: string[] = [];
    for (const { agentId, session, sequence } of agents) {
      const known = this.#pulls.get(agentId);
      if (known?.session === session && known.sequence === sequence) {
        pulls.set(agentId, known);
        continue;
      }
      read.push(agentId);
      pipeline.hget(agentKey(agentId), 'pull');
    }
    const answers = read.length === 0 ? [] : ((await pipeline.exec()) ?? []);
    for (const [at, agentId] of read.entries()) {
      const [error, text] = answers[at] ?? [];
      if (error) throw error;
      // It may have said goodbye meanwhile.
      if (typeof text === 'string') pulls.set(agentId, parseJsonAs(PullSchema, text, 'pull in Redis'));
    }
    this.#pulls = pulls;
    return pulls;
  }

  async #ending(pull: Pull, live: ReadonlySet<string>): Promise<readonly string[]> {
    const ended = pull.attempts.filter((lease) => !live.has(attemptKey(lease)));
    return await Promise.all(
      ended.map(async ({ requestHash }) => (await this.#redis.hget(buildKey(requestHash), 'builder')) ?? ''),
    );
  }

  /** Lets an agent finish what it has and take no more work, or take work again; for an agent that is not there too. */
  async setDrained(agentId: string, isDrained: boolean): Promise<void> {
    if (isDrained) await this.#redis.sadd(DRAINED_AGENTS_KEY, agentId);
    else await this.#redis.srem(DRAINED_AGENTS_KEY, agentId);
  }

  /** The agent went silent with a build; its warm builders do not count until it pulls again. */
  async markSuspect(agentId: string): Promise<void> {
    if (await this.#redis.exists(agentKey(agentId)))
      await this.#redis.hset(agentKey(agentId), 'isSuspect', '1');
  }

  /** Forgets an agent that said goodbye. */
  async forget(agentId: string): Promise<void> {
    await this.#redis.del(agentKey(agentId));
    await this.#redis.zrem(AGENTS_KEY, agentId);
  }

  /**
   * Notes that an agent is told to fetch a builder. False when the farm is not what it was when that was decided.
   * @param decided how many fetches of the builder were under way then, and how many of all builders there may be.
   */
  async planWarm(
    agentId: string,
    builder: string,
    decided: { readonly seenFetches: number; readonly maxFetches: number },
  ): Promise<boolean> {
    const args = { agentId, builder, ...decided, planMs: WARM_PLAN_MS };
    return (await this.#scripts.run('plan-warm', args)).status === 'planned';
  }

  /**
   * Notes that an agent could not make a builder warm, if it was asked to.
   * @returns how often that happened lately, by agent; undefined when it was not asked.
   */
  async noteWarmFailure(
    agentId: string,
    failed: PinnedBuilder,
  ): Promise<Readonly<Record<string, number>> | undefined> {
    const wasPlanned = await this.#redis.zrem(WARMING_KEY, `${failed.builder}|${agentId}`);
    if (wasPlanned === 0) return undefined;
    const key = warmFailuresKey(failed.builder, failed.digest);
    const times = await this.#redis.hincrby(key, agentId, 1);
    await this.#redis.expire(key, WARM_FAILURES_S);
    const pauseMs = Math.min(MAX_WARM_PAUSE_MS, WARM_PAUSE_MS * 2 ** (times - 1));
    const until = (await redisNowMs(this.#redis)) + pauseMs;
    await this.#redis.zadd(WARM_PAUSES_KEY, until, `${failed.builder}|${agentId}`);
    return Object.fromEntries(
      Object.entries(await this.#redis.hgetall(key)).map(([id, count]) => [id, Number(count)]),
    );
  }

  /** Orders to fetch a builder that hold now, and agents not to be asked for one. */
  async warmOrders(): Promise<{
    readonly fetches: readonly WarmOrder[];
    readonly pauses: readonly WarmOrder[];
  }> {
    const now = await redisNowMs(this.#redis);
    await this.#redis.zremrangebyscore(WARM_PAUSES_KEY, '-inf', now);
    const [fetches, pauses] = await Promise.all([
      this.#redis.zrangebyscore(WARMING_KEY, now, '+inf'),
      this.#redis.zrange(WARM_PAUSES_KEY, '0', '-1'),
    ]);
    return { fetches: fetches.map(orderOf), pauses: pauses.map(orderOf) };
  }

  async clearWarmFailures(failed: PinnedBuilder): Promise<void> {
    await this.#redis.del(warmFailuresKey(failed.builder, failed.digest));
  }

  /** Confirms the plans an agent works on and ends those it is done with. */
  async #noteWarming(pull: Pull): Promise<void> {
    const warming = new Set(pull.warming.map((each) => each.builder));
    const mine = (await this.#redis.zrange(WARMING_KEY, '0', '-1')).filter((member) =>
      member.endsWith(`|${pull.agentId}`),
    );
    if (mine.length === 0 && warming.size === 0) return;
    const until = (await redisNowMs(this.#redis)) + WARM_PLAN_MS;
    const warm = new Set(pull.warm.map((each) => each.builder));
    for (const member of mine) {
      const builder = member.slice(0, -pull.agentId.length - 1);
      if (warm.has(builder) && !warming.has(builder)) await this.#redis.zrem(WARMING_KEY, member);
    }
    for (const builder of warming) await this.#redis.zadd(WARMING_KEY, until, `${builder}|${pull.agentId}`);
  }
}

/** A builder and the agent that was told to fetch it. */
export interface WarmOrder {
  readonly builder: string;
  readonly agentId: string;
}

function orderOf(member: string): WarmOrder {
  const at = member.indexOf('|');
  return { builder: member.slice(0, at), agentId: member.slice(at + 1) };
}
