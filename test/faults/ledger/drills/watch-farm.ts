import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { agentAttemptsKey, agentKey, attemptHashKey, buildKey } from '../../../../coordinator/builds/keys.ts';
import { parseAttemptKey } from '../../../../shared/domain/lease.ts';

/** How exactly times are measured, milliseconds. */
const LOOK_MS = 10;
/** What has not recovered by then counts as this long. */
export const PATIENCE_MS = 60_000;

/** Looks until `look` gives something, and returns it; undefined after `PATIENCE_MS`. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    await sleep(LOOK_MS);
  }
  return undefined;
}

/** Milliseconds from `since` (of `performance`) until `look` is true. */
export async function timeUntil(since: number, look: () => Promise<boolean>): Promise<number> {
  const foundAt = await until(async () => ((await look()) ? performance.now() : undefined));
  return foundAt === undefined ? PATIENCE_MS : foundAt - since;
}

/** Attempts that an agent really works on. */
export async function runningAttempts(redis: Redis, agentId: string): Promise<readonly string[]> {
  const keys = await redis.smembers(agentAttemptsKey(agentId));
  const states = await Promise.all(keys.map((key) => redis.hget(attemptHashKey(key), 'state')));
  return keys.filter((_, at) => states[at] === 'running');
}

/** Whether the build of an attempt is made by a later one, or needs none any more. */
export async function isMadeElsewhere(redis: Redis, attempt: string): Promise<'yes' | 'over' | 'no'> {
  const id = parseAttemptKey(attempt);
  if (!id) return 'over';
  const [state, newest] = await redis.hmget(buildKey(id.requestHash), 'state', 'attempt');
  if (Number(newest) > id.attempt) {
    const later = attempt.replace(/\d+$/, String(newest));
    const isRunning = (await redis.hget(attemptHashKey(later), 'state')) === 'running';
    return isRunning ? 'yes' : state === 'running' || state === 'queued' ? 'no' : 'over';
  }
  return state === 'running' || state === 'queued' ? 'no' : 'over';
}

/** The pull by which an agent was last heard. */
export async function newestPull(redis: Redis, agentId: string): Promise<string> {
  return (await redis.hmget(agentKey(agentId), 'session', 'sequence')).join('.');
}
