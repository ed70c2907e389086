import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BuildJson } from '../../coordinator/artifacts/sealed-build.ts';
import type { BuildRecord, ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { StatsReader } from '../../coordinator/stats/stats-reader.ts';
import { MAX_ERRORS, StatsRecorder } from '../../coordinator/stats/stats-recorder.ts';
import type { Clock } from '../../shared/clock.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { silentLog } from '../../shared/log.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

const DAY_MS = 86_400_000;
const BUILDER = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
const SPEC = plainSpec({ ...BUILDER, packages: ['vim', 'luci', '-ppp'] });
const SOURCE = { ...BUILDER, versionPath: 'releases/24.10.4', digest: 'a'.repeat(64) };
const RECORD: BuildRecord = {
  requestHash: 'f'.repeat(64),
  generation: '1'.repeat(32),
  state: 'queued',
  lane: 'open',
  source: SOURCE,
  spec: SPEC,
  client: null,
  acceptedAt: 0,
  attempt: 0,
  stage: null,
  position: 0,
  score: 1,
  etaMs: null,
  isCacheable: true,
  answer: null,
};

let server: TestRedis;
let redis: Redis;
let now: number;
let recorder: StatsRecorder;
let reader: StatsReader;

const clock: Clock = { now: () => now, steadyMs: () => now, sleep: async () => undefined };

/** How many days were read whole since the statistics of Redis were reset. */
async function daysRead(): Promise<number> {
  const found = /cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'));
  return Number(found?.[1] ?? 0);
}

function asked(version = SPEC.version, client: string | null = null): ResolvedRequest {
  return { spec: { ...SPEC, version }, source: SOURCE, client };
}

function ended(
  outcome: BuildJson['outcome'],
  detail = '',
  version = SPEC.version,
  packages = SPEC.packages,
): BuildJson {
  return {
    ...{
      version: 1,
      requestHash: RECORD.requestHash,
      generation: RECORD.generation,
      attempt: 1,
      lane: 'open',
    },
    ...{ source: SOURCE, spec: { ...SPEC, version, packages }, client: null, acceptedAt: 0, finishedAt: now },
    ...{ expiresAt: now + 1, outcome, artifacts: [], attemptKey: null, agentId: null },
    ...{ answer: { detail }, isCacheable: true, keepMs: 1 },
  };
}

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  redis = new Redis(server.url);
  redis.on('error', () => undefined);
  await redis.flushall();
  now = Date.parse('2026-11-23T12:30:00Z');
  recorder = new StatsRecorder({ redis, clock, log: silentLog });
  reader = new StatsReader({ redis, clock });
});

afterEach(() => {
  redis.disconnect();
});

describe('statistics', () => {
  test('count requests by day, and hits only on finished builds', async () => {
    recorder.requested('new', RECORD, asked());
    recorder.requested('known', RECORD, asked());
    recorder.requested('known', { ...RECORD, state: 'done' }, asked());
    recorder.requested('known', { ...RECORD, state: 'failed' }, asked());
    await recorder.flush();
    now += DAY_MS;
    recorder.requested('known', { ...RECORD, state: 'done' }, asked());
    await recorder.flush();
    const { labels, datasets } = await reader.buildsPerDay();
    expect(labels.slice(-2)).toEqual(['2026-11-23Z', '2026-11-24Z']);
    expect(datasets.map(({ label, data }) => [label, ...data.slice(-2)])).toEqual([
      ['Requests', 4, 1],
      ['Cache-Hits', 1, 1],
      ['Failures', 0, 0],
    ]);
    expect(await redis.hget('wrtfarm:stats:day:2026-11-23', 'cache-misses')).toBe('1');
    expect(await redis.hget('wrtfarm:stats:day:2026-11-23', 'requests:24.10.4')).toBe('4');
  });

  test('count clients by their names', async () => {
    recorder.requested('new', RECORD, asked('24.10.4', 'owut/1'));
    recorder.requested('known', RECORD, asked());
    await recorder.flush();
    expect(await redis.zrange('wrtfarm:stats:clients:2026-11-23', '0', '-1', 'WITHSCORES')).toEqual([
      ...['owut/1', '1', 'unknown/0', '1'],
    ]);
  });

  test('tell images of the last day, by branch and by version', async () => {
    recorder.finished(ended('done', '', '25.12.0-rc2'));
    await recorder.flush();
    now += 8 * DAY_MS;
    for (const version of ['24.10.4', '24.10.4', '24.10-SNAPSHOT', 'SNAPSHOT']) {
      recorder.finished(ended('done', '', version));
    }
    recorder.finished(ended('cancelled'));
    await recorder.flush();
    expect(await reader.buildsOfLastDay()).toBe(4);
    const zeros = (count: number): number[] => new Array<number>(count).fill(0);
    expect((await reader.buildsByVersion(undefined)).datasets).toEqual([
      { label: '24.10', data: [...zeros(25), 3] },
      { label: '25.12', data: [...zeros(24), 1, 0] },
      { label: 'SNAPSHOT', data: [...zeros(25), 1] },
    ]);
    expect((await reader.buildsByVersion('24.10')).datasets.map(({ label }) => label)).toEqual([
      '24.10-SNAPSHOT',
      '24.10.4',
    ]);
    now += DAY_MS;
    expect(await reader.buildsOfLastDay()).toBe(0);
  });

  test('are summed over days once a minute, whoever asks for what', async () => {
    recorder.finished(ended('done'));
    await recorder.flush();
    await redis.config('RESETSTAT');
    const branches = Array.from({ length: 50 }, (_, at) => `24.${at}`);
    const charts = await Promise.all(branches.map((branch) => reader.buildsByVersion(branch)));
    expect(charts[10]?.datasets.map(({ label }) => label)).toEqual(['24.10.4']);
    expect(await daysRead()).toBe(26 * 7);
    recorder.finished(ended('done'));
    await recorder.flush();
    const builtThisWeek = async () => (await reader.buildsByVersion('24.10')).datasets[0]?.data.at(-1);
    const builtToday = async () => (await reader.buildsPerDay()).datasets[0]?.data.at(-1);
    expect([await builtThisWeek(), await builtToday()]).toEqual([1, 0]);
    recorder.requested('new', RECORD, asked());
    await recorder.flush();
    now += 60_000;
    expect([await builtThisWeek(), await builtToday()]).toEqual([2, 1]);
    // Of the days that are over none is read again.
    expect(await daysRead()).toBe(26 * 7 + 2);
  });

  test('tell of a day that begins, and no more of the one that is too long ago', async () => {
    recorder.finished(ended('done'));
    await recorder.flush();
    for (const [days, data] of [
      [0, [0, 1]],
      [1, [0, 1]],
      [7, [1, 0]],
    ] as const) {
      now = Date.parse('2026-11-23T12:30:00Z') + days * DAY_MS;
      expect((await reader.buildsByVersion(undefined)).datasets[0]?.data.slice(-2)).toEqual(data);
    }
    now += 26 * 7 * DAY_MS;
    expect((await reader.buildsByVersion(undefined)).datasets).toEqual([]);
  });

  test('sum packages over 30 days, without what is left out', async () => {
    recorder.finished(ended('done'));
    recorder.requested('known', { ...RECORD, state: 'done' }, asked());
    await recorder.flush();
    now += 29 * DAY_MS;
    recorder.finished(ended('done', '', '25.12.0', ['vim']));
    recorder.finished(ended('failed', '', '25.12.0', ['vim']));
    await recorder.flush();
    expect(await reader.topPackages(undefined, 30)).toEqual([
      { name: 'vim', count: 2 },
      { name: 'luci', count: 1 },
    ]);
    expect(await reader.topPackages('25.12', 30)).toEqual([{ name: 'vim', count: 1 }]);
    expect(await reader.topPackages(undefined, 1)).toEqual([{ name: 'vim', count: 2 }]);
    now += DAY_MS;
    await redis.del('wrtfarm:stats:top-packages:*');
    expect(await reader.topPackages(undefined, 30)).toEqual([{ name: 'vim', count: 1 }]);
  });

  test('leave out of the packages what every image of the device has', async () => {
    const json = ended('done', '', '25.12.0', ['vim', 'dropbear', 'kmod-ath9k']);
    const answer = { ...json.answer, default_packages: ['dropbear'], device_packages: ['kmod-ath9k'] };
    recorder.finished({ ...json, answer });
    await recorder.flush();
    expect(await reader.topPackages(undefined, 30)).toEqual([{ name: 'vim', count: 1 }]);
  });

  test('count what was refused as requested, under no version', async () => {
    recorder.refused();
    await recorder.flush();
    expect((await reader.buildsPerDay()).datasets[0]?.data.at(-1)).toBe(1);
    expect(Object.keys(await redis.hgetall('wrtfarm:stats:day:2026-11-23')).sort()).toEqual([
      'requests',
      'requests@12',
    ]);
  });

  test('keep the newest errors, without secrets', async () => {
    recorder.finished(ended('failed', 'Error: https://me:hunter2@feed/x is gone'));
    await recorder.flush();
    expect((await reader.buildErrors(1))[0]?.detail).toBe('Error: https://[secret]@feed/x is gone');
    for (let at = 0; at < MAX_ERRORS + 5; at += 1) {
      recorder.finished(ended('failed', `Error: ${at}`));
      if (at % 100 === 0) await recorder.flush();
    }
    await recorder.flush();
    const errors = await reader.buildErrors(1_000);
    expect(errors).toHaveLength(MAX_ERRORS);
    expect(errors[0]).toMatchObject({ detail: `Error: ${MAX_ERRORS + 4}`, version: '24.10.4', at: now });
    expect((await reader.buildErrors(3)).map(({ detail }) => detail)).toEqual(
      [4, 3, 2].map((at) => `Error: ${MAX_ERRORS + at}`),
    );
  });

  test('expire, so that Redis does not grow', async () => {
    recorder.requested('new', RECORD, asked());
    recorder.finished(ended('done'));
    await recorder.flush();
    await reader.topPackages(undefined, 1);
    const keys = await redis.keys('wrtfarm:stats:*');
    expect(keys.length).toBeGreaterThan(3);
    for (const key of keys) expect(await redis.ttl(key)).toBeGreaterThan(0);
  });

  test('wait in memory while Redis is away, and are written when it is back', async () => {
    redis.disconnect(true);
    recorder.requested('new', RECORD, asked());
    await recorder.flush();
    await expect.poll(() => redis.status).toBe('ready');
    await recorder.flush();
    expect((await reader.buildsPerDay()).datasets[0]?.data.at(-1)).toBe(1);
  });

  test('are written a last time when counting stops', async () => {
    recorder.requested('new', RECORD, asked());
    const stopped = new AbortController();
    stopped.abort();
    await recorder.run(stopped.signal);
    expect((await reader.buildsPerDay()).datasets[0]?.data.at(-1)).toBe(1);
  });
});
