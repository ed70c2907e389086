import { attemptHashKey } from '../../../../coordinator/builds/keys.ts';
import { allReady } from '../farm.ts';
import type { Drill, DrillDependencies } from './drill.ts';
import { runningAttempts, timeUntil, until } from './watch-farm.ts';

const REACH_MS = 3_000;
const TIMES = 8;

/** A client that is refused asks the other coordinator. */
export const clientsOfKilledCoordinator: Drill = {
  name: 'coordinator killed → a client is answered by the other',
  reachMs: REACH_MS,
  times: TIMES,
  once: async (deps, round) =>
    await strike(deps, round, async (since, struck) => {
      const order = [struck, ...deps.farm.coordinators.map((_, at) => at).filter((at) => at !== struck)];
      const answered = async (): Promise<boolean> => {
        for (const at of order) {
          const url = `${deps.farm.coordinators[at]?.httpUrl}/api/v1/stats`;
          const reply = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
          await reply?.body?.cancel();
          if (reply?.status === 200) return true;
        }
        return false;
      };
      return [await timeUntil(since, answered)];
    }),
};

/** An agent whose pull waited at a coordinator that is gone is deaf until its pull waits at one that lives. */
export const agentsOfKilledCoordinator: Drill = {
  name: 'coordinator killed → every agent’s pull waits at the other',
  reachMs: REACH_MS,
  times: TIMES,
  once: async (deps, round) =>
    await strike(deps, round, async (since, struck) => {
      const { agents, coordinators } = deps.farm;
      const [survivor] = coordinators.filter((_, at) => at !== struck);
      const areAllThere = async (): Promise<boolean> =>
        survivor !== undefined && (await parkedPulls(survivor.httpUrl)) >= agents.length;
      return [await timeUntil(since, areAllThere)];
    }),
};

/** An attempt whose stream broke goes on over another one, and is not lost. */
export const streamsOfKilledCoordinator: Drill = {
  name: 'coordinator killed → its attempts report to the other',
  reachMs: REACH_MS,
  times: TIMES,
  once: async (deps, round) => {
    const attempts = await until(async () => {
      const all = await Promise.all(deps.farm.agents.map(({ id }) => runningAttempts(deps.redis, id)));
      return all.flat().length >= 2 ? all.flat() : undefined;
    });
    const streamOf = async (key: string) => await deps.redis.hget(attemptHashKey(key), 'stream');
    const before = new Map<string, string | null>();
    for (const key of attempts ?? []) before.set(key, await streamOf(key));
    return await strike(deps, round, async (since) => {
      const each = [...before].map(async ([key, old]) => {
        // One that ends is none that moved: it was at the other coordinator all the time, or had ended.
        const seen = await until(async () => {
          const now = await streamOf(key);
          return now === old ? undefined : { moved: now !== null, at: performance.now() };
        });
        return seen?.moved ? [seen.at - since] : [];
      });
      return (await Promise.all(each)).flat();
    });
  },
};

async function strike(
  { farm }: DrillDependencies,
  round: number,
  measure: (since: number, struck: number) => Promise<readonly number[]>,
): Promise<readonly number[]> {
  const struck = round % farm.coordinators.length;
  const process = farm.coordinators[struck]?.process;
  const since = performance.now();
  await process?.kill();
  const times = await measure(since, struck);
  await process?.start();
  await allReady(farm, 30_000);
  return times;
}

/** What a coordinator's metrics say of the pulls that wait there. */
async function parkedPulls(httpUrl: string): Promise<number> {
  const reply = await fetch(`${httpUrl}/metrics`, { signal: AbortSignal.timeout(2_000) });
  return Number(/^wrtfarm_pulls_parked (\d+)$/m.exec(await reply.text())?.[1]);
}
