import { Redis } from 'ioredis';
import { buildKey, waitingKey } from '../../../coordinator/builds/keys.ts';
import { RECORD_FIELDS } from '../../../coordinator/builds/record-reader.ts';
import type { BenchProcess } from '../child-process.ts';
import type { LoadPlan, LoadResult } from '../load.ts';
import { nowMs } from './now-ms.ts';
import { median } from './times.ts';

/** Turns of each farm, and their length, milliseconds. */
const TURNS = 11;
const TURN_MS = 500;
const CONNECTIONS = 16;
/** Look-ups that Redis is given at once, on one connection. */
const PIPELINED = 500;

/** A farm and the builds that wait in it and are looked at, with the sets they wait in. */
export interface LookedAt {
  readonly url: string;
  readonly redisUrl: string;
  readonly waiting: readonly {
    readonly requestHash: string;
    readonly lane: string;
    readonly builder: string;
  }[];
}

/** What a look-up takes of time while the server does nothing else, milliseconds. */
export interface LookUpCost {
  readonly few: number;
  readonly many: number;
  /** Middle of what each pair of turns showed of `many` / `few`. */
  readonly ratio: number;
}

/** What a look-up costs in two farms that take turns: of clients at their coordinators, and of a coordinator at their Redis. */
export async function compareLookUps(
  loader: BenchProcess,
  few: LookedAt,
  many: LookedAt,
): Promise<{ readonly http: LookUpCost; readonly redis: LookUpCost }> {
  const http = async (farm: LookedAt): Promise<number> =>
    1000 / (await poll(loader, farm, TURN_MS)).perSecond;
  const clients = new Map([few, many].map((farm) => [farm, new Redis(farm.redisUrl)]));
  const redis = async (farm: LookedAt): Promise<number> => {
    const client = clients.get(farm);
    return client ? await askRedis(client, farm) : Number.NaN;
  };
  try {
    return { http: await inTurns(http, few, many), redis: await inTurns(redis, few, many) };
  } finally {
    for (const client of clients.values()) client.disconnect();
  }
}

/** Polls waiting builds, as their clients do, with so many connections. */
export async function poll(
  loader: BenchProcess,
  { url, waiting }: LookedAt,
  durationMs: number,
  connections = CONNECTIONS,
): Promise<LoadResult> {
  const requests = waiting.map(({ requestHash }) =>
    Buffer.from(
      `GET /api/v1/build/${requestHash} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1\r\n\r\n`,
    ).toString('base64'),
  );
  const plan: LoadPlan = { port: Number(new URL(url).port), requests, status: 202, connections, durationMs };
  return await loader.ask<LoadResult>(plan);
}

async function inTurns(
  cost: (farm: LookedAt) => Promise<number>,
  few: LookedAt,
  many: LookedAt,
): Promise<LookUpCost> {
  await cost(few);
  await cost(many);
  const pairs: { readonly few: number; readonly many: number }[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    // Whoever is second finds the machine as the first has left it.
    if (turn % 2 === 0) pairs.push({ few: await cost(few), many: await cost(many) });
    else {
      const manyFirst = await cost(many);
      pairs.push({ few: await cost(few), many: manyFirst });
    }
  }
  return {
    few: median(pairs.map((pair) => pair.few)),
    many: median(pairs.map((pair) => pair.many)),
    ratio: median(pairs.map((pair) => pair.many / pair.few)),
  };
}

/** The commands of `BuildStore.get`. */
async function askRedis(redis: Redis, { waiting }: LookedAt): Promise<number> {
  const startedAt = nowMs();
  let asked = 0;
  while (nowMs() - startedAt < TURN_MS) {
    const pipeline = redis.pipeline();
    for (let at = 0; at < PIPELINED; at += 1) {
      const build = waiting[(asked + at) % waiting.length];
      if (!build) continue;
      pipeline.hmget(buildKey(build.requestHash), ...RECORD_FIELDS);
      pipeline.zrank(waitingKey(build.lane, build.builder), build.requestHash);
    }
    await pipeline.exec();
    asked += PIPELINED;
  }
  return (nowMs() - startedAt) / asked;
}
