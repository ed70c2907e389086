import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchProcess, startProcess } from '../child-process.ts';
import { percent, type Reach } from '../reach.ts';
import type { AgentsFacts } from './agents-process.ts';
import { type FullFarm, fillFarm } from './full-farm.ts';
import { compareLookUps, type LookUpCost, poll } from './look-ups.ts';
import { type DispatchFarm, openDispatchFarm } from './open-farm.ts';
import { cpuMs, peakResidentBytes } from './process-facts.ts';
import { lineOfCost } from './report.ts';

const AGENTS = 1_000;
const FEW = 10;
const MANY = 100_000;
/** How far from what it costs with few waiting a look-up may come with many. */
const COST_REACH = 1.2;
const MEMORY_REACH_MB = 1_000;
const REST_MS = 3_000;
/** Nothing of filling the farms is left by then: jobs are told of, every agent has pulled. */
const SETTLE_MS = 5_000;
/** How long agents work, how long a build takes them, and how many clients poll meanwhile. */
const WORK_MS = 10_000;
const BUILD_MS = 10_000;
const POLLING = 4;

/**
 * What a look-up costs with few and many builds waiting, in two farms that take turns, and how large the coordinator gets. In both
 * every agent is busy with a build that does not end, so nothing is handed out meanwhile; where many wait agents go on fetching.
 */
export async function measureFull(): Promise<readonly Reach[]> {
  await using many = await openDispatchFarm();
  await using few = await openDispatchFarm();
  await using loader = startProcess('load-process.js');
  const manyFull = await fillFarm(many, { agents: AGENTS, waiting: MANY, of: 'all' });
  const fewFull = await fillFarm(few, { agents: AGENTS, waiting: FEW, of: 'few' });
  await sleep(SETTLE_MS);
  const idle = { few: await restingCpu(few), many: await restingCpu(many) };
  const { http, redis } = await compareLookUps(loader, fewFull.looked, manyFull.looked);
  const work = await lineOfWork(many, manyFull, loader);
  const residentMb = (await peakResidentBytes(many.farm.coordinator.pid)) / 1024 ** 2;
  process.stdout.write(
    `${MANY.toLocaleString('en')} builds queued at ${Math.round(manyFull.queuedPerSecond).toLocaleString('en')} a second; ` +
      `${manyFull.heldAtFirst} of ${AGENTS} agents busy ${(manyFull.busyMs / 1000).toFixed(1)} s after the first pull ` +
      `(${fewFull.heldAtFirst} in ${(fewFull.busyMs / 1000).toFixed(1)} s with ${FEW} waiting)\n` +
      `coordinator nobody asks: ${percent(idle.few)} of a CPU with ${FEW} waiting, ${percent(idle.many)} with ${MANY}\n` +
      lineOfCost('status and position by HTTP', http) +
      lineOfCost('the same, at Redis', redis) +
      work,
  );
  return [
    costReach('status and position by HTTP', http),
    costReach('status and position at Redis', redis),
    {
      what: `coordinator with ${AGENTS} agents and ${MANY} builds waiting, resident memory below ${MEMORY_REACH_MB} MB`,
      found: `${Math.round(residentMb)} MB`,
      isMet: residentMb < MEMORY_REACH_MB,
    },
  ];
}

function costReach(what: string, { ratio }: LookUpCost): Reach {
  return {
    what: `${what}, cost with ${MANY} waiting at most ${percent(COST_REACH)} of that with ${FEW}`,
    found: percent(ratio),
    isMet: ratio <= COST_REACH,
  };
}

/** Part of a CPU that a coordinator takes while its agents are busy and no client asks. */
async function restingCpu({ farm }: DispatchFarm): Promise<number> {
  const before = await cpuMs(farm.coordinator.pid);
  await sleep(REST_MS);
  return ((await cpuMs(farm.coordinator.pid)) - before) / REST_MS;
}

/** Lets the agents work and says how polling goes meanwhile. */
async function lineOfWork(
  { agents, farm }: DispatchFarm,
  { last }: FullFarm,
  loader: BenchProcess,
): Promise<string> {
  await agents.ask({ ask: 'work', afterMs: BUILD_MS });
  const [before, cpuBefore] = [
    await agents.ask<AgentsFacts>({ ask: 'facts' }),
    await cpuMs(farm.coordinator.pid),
  ];
  const polled = await poll(loader, last, WORK_MS, POLLING);
  const [after, cpuAfter] = [
    await agents.ask<AgentsFacts>({ ask: 'facts' }),
    await cpuMs(farm.coordinator.pid),
  ];
  await agents.ask({ ask: 'rest' });
  return (
    `agents at work, builds of ${BUILD_MS / 1000} s: ${((after.told - before.told) / (WORK_MS / 1000)).toFixed(0)} builds begun a second, ` +
    `coordinator ${percent((cpuAfter - cpuBefore) / WORK_MS)} of a CPU; ${POLLING} clients that poll without pause: ` +
    `${Math.round(polled.perSecond)} answers a second, p50 ${polled.p50Ms.toFixed(1)} ms, p99 ${polled.p99Ms.toFixed(1)} ms\n`
  );
}
