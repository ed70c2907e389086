import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientsKey, dayKey } from '../../coordinator/stats/stat-keys.ts';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, build, X86 } from '../support/wire-builds.ts';

/* Contract 2.11: what was asked for and what became of it, after a known history. */

const used = useFarm();
const { wire } = used;

/** A failure whose text holds 64 hex digits. */
const DIGITS = 'a'.repeat(64);
const today = (): string => new Date().toISOString().slice(0, 10);

let before: { readonly errors: string; readonly summary: unknown };
let redis: Redis;

beforeAll(async () => {
  redis = new Redis(used.farm.redis.url);
  before = {
    errors: (await wire.get('/api/v1/build-errors')).text,
    summary: (await wire.get('/api/v1/stats/summary')).json,
  };
  const asked = { ...X86, packages: ['vim', 'tmux', '-ppp'], client: 'owut/2026.07.08-r1' };
  await build(wire, asked);
  await wire.post('/api/v1/build', asked);
  const { client: _named, ...nameless } = asked;
  await wire.post('/api/v1/build', nameless, { 'User-Agent': 'auc (0.3.2)' });
  await wire.post('/api/v1/build', nameless);
  await build(wire, { ...ARCHER, version: '25.12.0', packages: ['vim'], client: 'luci/26.1' });
  await build(wire, { ...X86, packages: ['vim'], packages_versions: { vim: DIGITS }, client: 'luci/26.1' });
  // What is counted is written once a second, and a chart is drawn once a minute.
  await eventually(async () => {
    const counts = await redis.hmget(dayKey(today()), 'requests', 'cache-hits', 'failures', 'successes');
    expect(counts).toEqual(['6', '3', '1', '2']);
  });
});

afterAll(() => redis.disconnect());

interface Chart {
  readonly labels: readonly string[];
  readonly datasets: readonly {
    readonly label: string;
    readonly data: readonly number[];
    readonly color?: string;
  }[];
}

async function chart(path: string): Promise<Chart> {
  const reply = await wire.get(path);
  expect(reply.status).toBe(200);
  return reply.json as unknown as Chart;
}

test('/stats is the length of the queue', async () => {
  expect((await wire.get('/api/v1/stats')).json).toEqual({ queue_length: 0 });
});

test('/stats/summary has the builds of the last day besides', async () => {
  expect(before.summary).toEqual({ queue_length: 0, builds_24h: 0 });
  expect((await wire.get('/api/v1/stats/summary')).json).toEqual({ queue_length: 0, builds_24h: 2 });
});

describe('/builds-per-day', () => {
  test('has 30 days, today last, as dates with a Z', async () => {
    const { labels } = await chart('/api/v1/builds-per-day');
    expect(labels.length).toBe(30);
    for (const label of labels) expect(label).toMatch(/^\d{4}-\d\d-\d\dZ$/);
    expect(labels).toEqual(labels.toSorted());
    expect(labels.at(-1)).toBe(`${today()}Z`);
  });

  test('has requests, cache hits and failures, each of 30 numbers and with its colour', async () => {
    const { datasets } = await chart('/api/v1/builds-per-day');
    expect(datasets.map(({ label }) => label)).toEqual(['Requests', 'Cache-Hits', 'Failures']);
    for (const { data, color } of datasets) {
      expect(data.length).toBe(30);
      expect(data.slice(0, -1).every((count) => count === 0)).toBe(true);
      expect(color).toMatch(/^\w+$/);
    }
  });

  test('counts as hits only what was finished already', async () => {
    const { datasets } = await chart('/api/v1/builds-per-day');
    expect(datasets.map(({ data }) => data.at(-1))).toEqual([6, 3, 1]);
  });
});

describe('/builds-by-version', () => {
  test('has 26 weeks', async () => {
    const { labels, datasets } = await chart('/api/v1/builds-by-version');
    expect(labels.length).toBe(26);
    for (const { data } of datasets) expect(data.length).toBe(26);
  });

  test('groups by branch where none is named', async () => {
    const { datasets } = await chart('/api/v1/builds-by-version');
    expect(datasets.map(({ label, data }) => [label, data.at(-1)])).toEqual([
      ['24.10', 1],
      ['25.12', 1],
    ]);
  });

  test('has the versions of a branch', async () => {
    const { datasets } = await chart('/api/v1/builds-by-version?branch=24.10');
    expect(datasets.map(({ label }) => label)).toEqual(['24.10.4']);
    expect((await chart('/api/v1/builds-by-version?branch=23.05')).datasets).toEqual([]);
  });
});

describe('/top-packages', () => {
  test('has the packages that were built in most often, and not those left out', async () => {
    const { packages, ...rest } = (await wire.get('/api/v1/top-packages')).json;
    expect(rest).toEqual({ branch: null, days: 30 });
    expect(packages).toEqual([
      { name: 'vim', count: 2 },
      { name: 'tmux', count: 1 },
    ]);
  });

  test('has those of a branch', async () => {
    expect((await wire.get('/api/v1/top-packages?branch=25.12')).json).toEqual({
      packages: [{ name: 'vim', count: 1 }],
      branch: '25.12',
      days: 30,
    });
  });

  test('has as many as are asked for, up to 100', async () => {
    const { packages } = (await wire.get('/api/v1/top-packages?n=1')).json;
    expect(packages).toEqual([{ name: 'vim', count: 2 }]);
    expect((await wire.get('/api/v1/top-packages?n=100')).status).toBe(200);
    for (const n of ['101', '0', 'many']) {
      const reply = await wire.get(`/api/v1/top-packages?n=${n}`);
      expect(reply.status, n).toBe(422);
      expect(reply.json.detail).toMatchObject([{ loc: ['query', 'n'] }]);
    }
  });
});

describe('/build-errors', () => {
  test('is text, and says when there are none', async () => {
    expect(before.errors).toBe('No build errors recorded.');
    expect((await wire.get('/api/v1/build-errors')).header('content-type')).toMatch(/^text\/plain/);
  });

  test('says how many and from when, newest first, without hashes', async () => {
    const { text } = await wire.get('/api/v1/build-errors');
    expect(text).toContain('Build Errors: 1 entries');
    expect(text).toMatch(/^Time range: .*\d{4}-\d\d-\d\d.* .*\d{4}-\d\d-\d\d/m);
    expect(text).toContain('24.10.4:x86/64:generic');
    expect(text).toContain(
      'Impossible package selection: vim version not as requested: [job-id] vs. 9.1.1043',
    );
    expect(text).not.toContain(DIGITS);
  });

  test.each(['501', '0', 'x'])('n=%s is a 422', async (n) => {
    expect((await wire.get(`/api/v1/build-errors?n=${n}`)).status).toBe(422);
  });
});

test('a client is counted by what it says, auc by its User-Agent, all others as unknown', async () => {
  const flat = await redis.zrevrange(clientsKey(today()), 0, -1, 'WITHSCORES');
  const names = flat.filter((_each, at) => at % 2 === 0);
  const counts = flat.filter((_each, at) => at % 2 === 1);
  expect(Object.fromEntries(names.map((name, at): [string, unknown] => [name, counts[at]]))).toEqual({
    'owut/2026.07.08-r1': '2',
    'auc/0.3.2': '1',
    'luci/26.1': '2',
    'unknown/0': '1',
  });
});
