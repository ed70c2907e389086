import type { Redis } from 'ioredis';
import { LEASES_KEY } from '../../../../coordinator/builds/keys.ts';
import { parseAttemptKey } from '../../../../shared/domain/lease.ts';
import { descendants, isAlive } from '../../../support/processes.ts';
import type { LedgerAgent } from '../farm.ts';
import type { Drill, DrillDependencies } from './drill.ts';
import { isMadeElsewhere, newestPull, PATIENCE_MS, runningAttempts, timeUntil, until } from './watch-farm.ts';

export const killedAgent: Drill = {
  name: 'agent killed → its build is made elsewhere',
  reachMs: 3_000,
  times: 15,
  once: async (deps, round) =>
    await strike(
      deps,
      round,
      async ({ process }) => await process.kill(),
      async ({ process }) => await process.start(),
    ),
};

export const frozenAgent: Drill = {
  name: 'agent frozen → its build is made elsewhere',
  reachMs: 18_000,
  times: 5,
  once: async (deps, round) =>
    await strike(
      deps,
      round,
      async ({ process }) => process.freeze(),
      async ({ process }) => process.thaw(),
    ),
};

/** The farm takes an attempt away; from then on until nothing of it runs any more. */
export const endedLease: Drill = {
  name: 'lease ended → its sandbox is gone',
  reachMs: 1_000,
  times: 10,
  once: async ({ farm, redis }, round) => {
    const agent = farm.agents[round % farm.agents.length];
    if (!agent) return [];
    const struck = await until(async () => {
      const [attempt, ...others] = await runningAttempts(redis, agent.id);
      const sandbox = descendants(agent.process.pid);
      return attempt && others.length === 0 && sandbox.length > 0 ? { attempt, sandbox } : undefined;
    });
    if (!struck) return [];
    const since = performance.now();
    // Again and again: it may be renewed before the keeper sees that it ended.
    const isTaken = async (): Promise<true | undefined> => {
      await redis.zadd(LEASES_KEY, 'XX', 0, struck.attempt);
      return (await redis.zscore(LEASES_KEY, struck.attempt)) === null || undefined;
    };
    await until(isTaken);
    // One that ended by itself in that moment was not taken away.
    const isOver = (await isMadeElsewhere(redis, struck.attempt)) === 'over';
    const time = await timeUntil(since, async () => !struck.sandbox.some(isAlive));
    return isOver ? [] : [time];
  },
};

/** Strikes an agent that works, and waits until each build it had is made by another one. */
async function strike(
  { farm, redis }: DrillDependencies,
  round: number,
  hurt: (agent: LedgerAgent) => Promise<void>,
  heal: (agent: LedgerAgent) => Promise<void>,
): Promise<readonly number[]> {
  const agent = farm.agents[round % farm.agents.length];
  if (!agent) return [];
  const victims = await until(async () => {
    const running = await runningAttempts(redis, agent.id);
    // A build that was lost before waits on purpose.
    const areFirst = running.every((attempt) => parseAttemptKey(attempt)?.attempt === 1);
    return running.length > 0 && areFirst ? running : undefined;
  });
  if (!victims) return [];
  const since = performance.now();
  await hurt(agent);
  const times = await Promise.all(victims.map((attempt) => elsewhere(redis, attempt, since)));
  const before = await newestPull(redis, agent.id);
  await heal(agent);
  await until(async () => ((await newestPull(redis, agent.id)) === before ? undefined : true));
  return times.flatMap((time) => time ?? []);
}

/** Undefined for one that had ended before it could be lost. */
async function elsewhere(redis: Redis, attempt: string, since: number): Promise<number | undefined> {
  const seen = await until(async () => {
    const made = await isMadeElsewhere(redis, attempt);
    return made === 'no' ? undefined : { made, at: performance.now() };
  });
  if (!seen) return PATIENCE_MS;
  return seen.made === 'yes' ? seen.at - since : undefined;
}
