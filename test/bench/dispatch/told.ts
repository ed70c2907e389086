import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchFarm } from '../bench-farm.ts';
import type { BenchProcess } from '../child-process.ts';
import type { AgentsQuestion } from './agents-process.ts';
import type { BenchBuilder, BenchRequests } from './bench-builds.ts';
import { nowMs } from './now-ms.ts';
import { publishPlain } from './plain-queue.ts';
import type { Submitter } from './submitter.ts';
import { type Times, timesOf } from './times.ts';
import type { BuilderLottery } from './warm-sets.ts';

/** How long it takes until an agent is told of a build, from each of these moments. */
export interface ToldTimes {
  readonly fromPost: Times;
  readonly fromSubmit: Times;
  readonly fromPublish: Times;
  readonly fromWake: Times;
  /** A message of a plain JetStream queue, from before its publishing until it is fetched. */
  readonly plain: Times;
}

export interface ToldBench {
  readonly farm: BenchFarm;
  readonly agents: BenchProcess;
  readonly submitter: Submitter;
  readonly requests: BenchRequests;
  readonly lottery: BuilderLottery;
}

/** A build that nobody is told of for so long makes the benchmark fail, milliseconds. */
const PATIENCE_MS = 20_000;
/** Clients ask for so many builders, whose metadata the coordinator has read before anything counts. */
const POSTED = 8;

export interface ToldPlan {
  readonly rounds: number;
  /** Rounds before those that count: nothing is compiled yet, and consumers are made at the first build of each builder. */
  readonly warmUp: number;
  /** No new round begins later than this, milliseconds. */
  readonly withinMs: number;
}

/** Has one build at a time taken by an idle farm: in turns one that another coordinator queues, one that a client asks for, and a plain message. */
export async function measureTold(
  bench: ToldBench,
  { rounds, warmUp, withinMs }: ToldPlan,
): Promise<ToldTimes> {
  const { agents, submitter, requests, lottery } = bench;
  const found = { post: [], submit: [], publish: [], wake: [], plain: [] } as Record<string, number[]>;
  const note = (name: string, ms: number): void => void found[name]?.push(ms);
  const until = nowMs() + withinMs;
  for (let round = -warmUp; round < rounds && nowMs() < until; round += 1) {
    if (round === 0) for (const times of Object.values(found)) times.length = 0;
    const id = `plain-${round}`;
    const plainAt = await publishPlain(submitter.connection, id);
    note('plain', (await ask(agents, { ask: 'fetched', id })) - plainAt);
    const queued = await submitter.submit(requests.resolved(lottery.draw()));
    const toldAt = await ask(agents, { ask: 'told', requestHash: queued.requestHash });
    note('submit', toldAt - queued.submitAt);
    note('publish', toldAt - queued.publishAt);
    note('wake', toldAt - queued.wakeAt);
    await endOne(agents, queued.requestHash);
    const asked = await postOne(bench, lottery.mostWanted[(round + warmUp) % POSTED]);
    note('post', (await ask(agents, { ask: 'told', requestHash: asked.requestHash })) - asked.at);
    await endOne(agents, asked.requestHash);
  }
  return {
    fromPost: timesOf(found.post ?? []),
    fromSubmit: timesOf(found.submit ?? []),
    fromPublish: timesOf(found.publish ?? []),
    fromWake: timesOf(found.wake ?? []),
    plain: timesOf(found.plain ?? []),
  };
}

async function postOne(
  { farm, requests }: ToldBench,
  builder: BenchBuilder | undefined,
): Promise<{ readonly requestHash: string; readonly at: number }> {
  if (!builder) throw new Error('there is no builder to ask for');
  const body = requests.body(builder);
  const at = nowMs();
  const response = await fetch(`${farm.url}/api/v1/build`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const answer = (await response.json()) as { request_hash?: string };
  if (answer.request_hash === undefined) throw new Error(`not accepted: ${JSON.stringify(answer)}`);
  return { requestHash: answer.request_hash, at };
}

/** Ends a build and lets its agent's next pull arrive, at no fixed distance from what the farm does once a second. */
async function endOne(agents: BenchProcess, requestHash: string): Promise<void> {
  await ask(agents, { ask: 'end', requestHash });
  await sleep(5 + Math.random() * 15);
}

async function ask(agents: BenchProcess, question: AgentsQuestion): Promise<number> {
  const patience = new AbortController();
  try {
    return await Promise.race([
      agents.ask<number>(question),
      sleep(PATIENCE_MS, undefined, { signal: patience.signal }).then((): never => {
        throw new Error(`no answer in ${PATIENCE_MS} ms to ${JSON.stringify(question)}`);
      }),
    ]);
  } finally {
    patience.abort();
  }
}
