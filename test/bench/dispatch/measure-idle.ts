import { setTimeout as sleep } from 'node:timers/promises';
import type { Reach } from '../reach.ts';
import { openDispatchFarm } from './open-farm.ts';
import { tableOfTimes } from './report.ts';
import { measureTold, type ToldPlan } from './told.ts';

const AGENTS = 100;
const ROUNDS: ToldPlan = { rounds: 250, warmUp: 24, withinMs: 60_000 };
/** What it is like in a farm of a large size, without a reach. */
const MANY_AGENTS = 1_000;
const MANY_ROUNDS: ToldPlan = { rounds: 40, warmUp: 4, withinMs: 15_000 };
/** A new farm's agents have all pulled by then, and nothing of its start is left. */
const SETTLE_MS = 2_000;
const P50_REACH_MS = 5;
const P99_REACH_MS = 25;

/** How soon an agent is told of a build in a farm that has nothing else to do. */
export async function measureIdle(): Promise<readonly Reach[]> {
  const { fromPost, fromSubmit, fromPublish, fromWake, plain } = await toldTimes(AGENTS, ROUNDS);
  const crowd = await toldTimes(MANY_AGENTS, MANY_ROUNDS);
  process.stdout.write(
    tableOfTimes([
      [`job published → agent told, ${AGENTS} agents`, fromPublish],
      ['  wake-up published → agent told', fromWake],
      ['  build submitted → agent told', fromSubmit],
      ['  client asks (POST) → agent told', fromPost],
      ['plain JetStream, published → fetched', plain],
      [`job published → agent told, ${MANY_AGENTS} agents`, crowd.fromPublish],
    ]),
  );
  const beside = (plainMs: number): string => `(plain JetStream ${plainMs.toFixed(1)} ms)`;
  return [
    {
      what: `job published → agent told, ${AGENTS} agents, p50 at most ${P50_REACH_MS} ms`,
      found: `${fromPublish.p50Ms.toFixed(1)} ms ${beside(plain.p50Ms)}`,
      isMet: fromPublish.p50Ms <= P50_REACH_MS,
    },
    {
      what: `job published → agent told, ${AGENTS} agents, p99 at most ${P99_REACH_MS} ms`,
      found: `${fromPublish.p99Ms.toFixed(1)} ms ${beside(plain.p99Ms)}`,
      isMet: fromPublish.p99Ms <= P99_REACH_MS,
    },
  ];
}

async function toldTimes(agents: number, plan: ToldPlan): ReturnType<typeof measureTold> {
  await using farm = await openDispatchFarm();
  const lottery = await farm.startAgents(agents);
  await sleep(SETTLE_MS);
  return await measureTold({ ...farm, lottery }, plan);
}
