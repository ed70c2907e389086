import { setTimeout as sleep } from 'node:timers/promises';
import { builderToken } from '../../../shared/domain/builder.ts';
import type { AgentsFacts, AgentsQuestion } from './agents-process.ts';
import type { BenchBuilder } from './bench-builds.ts';
import type { LookedAt } from './look-ups.ts';
import { nowMs } from './now-ms.ts';
import type { DispatchFarm } from './open-farm.ts';

/** Of many waiting builds so many are looked at, from the whole length of the queue: more than any memory of the last ones holds. */
const LOOKED_AT = 6_000;
/** So many of them are the newest. */
const LAST = 3_000;
/**
 * The builds that are looked at are for one of so many builders, in every farm: each has builds of four others beside it, which is as
 * many as a coordinator counts, so the same is asked of it however much waits.
 */
const BUILDERS_LOOKED_AT = 5;
/** How long is waited until all agents have something to do, milliseconds. */
const PATIENCE_MS = 20_000;

/** Farms whose agents are all busy while builds wait. */
export interface FullFarm {
  readonly looked: LookedAt;
  /** The newest of these builds: none of them is begun soon. */
  readonly last: LookedAt;
  /** Builds queued a second, with everything that a coordinator does for one. */
  readonly queuedPerSecond: number;
  /** From the first pull until every agent had a build, or the patience of the benchmark was over, milliseconds. */
  readonly busyMs: number;
  /** Agents that had a build by then. */
  readonly heldAtFirst: number;
}

/**
 * Queues `agents` + `waiting` builds, lets so many agents come, and waits until each of them has one.
 * @param of the builders that builds wait for: as people ask for them, or as few as are looked at, in turn.
 */
export async function fillFarm(
  farm: DispatchFarm,
  { agents, waiting, of }: { readonly agents: number; readonly waiting: number; readonly of: 'all' | 'few' },
): Promise<FullFarm> {
  const [mostWanted] = farm.builders;
  if (!mostWanted) throw new Error('the mirror has no builders');
  const { submitter, requests, lottery } = farm;
  const mostOften = farm.builders.slice(0, BUILDERS_LOOKED_AT);
  const startedAt = nowMs();
  // Every agent has that one warm, so that each finds something to do and the others are left to wait.
  await submitter.fill(agents, () => requests.resolved(mostWanted));
  const chosen: BenchBuilder[] = [];
  const hashes = await submitter.fill(waiting, (at) => {
    const builder = (of === 'few' ? mostOften[at % mostOften.length] : undefined) ?? lottery.draw();
    chosen[at] = builder;
    return requests.resolved(builder);
  });
  const queuedPerSecond = ((agents + waiting) * 1000) / (nowMs() - startedAt);
  const pulledAt = nowMs();
  await farm.startAgents(agents);
  const heldAtFirst = await untilHeld(farm, agents);
  const busyMs = nowMs() - pulledAt;
  const all = hashes.flatMap((requestHash, at) => {
    const builder = chosen[at];
    return builder && mostOften.includes(builder) ? [{ requestHash, builder }] : [];
  });
  const step = Math.max(1, Math.floor(all.length / LOOKED_AT));
  const builds = all
    .filter((_each, at) => at % step === 0)
    .map(({ requestHash, builder }) => ({
      requestHash,
      lane: 'open',
      builder: builderToken(builder.source),
    }));
  const { url, redisUrl } = farm.farm;
  return {
    looked: { url, redisUrl, waiting: builds },
    last: { url, redisUrl, waiting: builds.slice(-LAST) },
    queuedPerSecond,
    busyMs,
    heldAtFirst,
  };
}

/** Waits until the agents hold so many builds, for a while. @returns how many they hold. */
async function untilHeld({ agents }: DispatchFarm, wanted: number): Promise<number> {
  const until = nowMs() + PATIENCE_MS;
  for (;;) {
    const { held } = await agents.ask<AgentsFacts>({ ask: 'facts' } satisfies AgentsQuestion);
    if (held >= wanted || nowMs() > until) return held;
    await sleep(100);
  }
}
