import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dayKey } from '../../coordinator/stats/stat-keys.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;
let redis: Redis;

beforeAll(async () => {
  farm = await startFarm();
  redis = new Redis(farm.redis.url);
});

afterAll(async () => {
  redis.disconnect();
  await farm[Symbol.asyncDispose]();
});

async function read(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(farm.url + path);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

interface Chart {
  readonly labels: readonly string[];
  readonly datasets: readonly { readonly label: string; readonly data: readonly number[] }[];
}

test('requests, hits, builds, packages and errors are counted and shown as asu shows them', async () => {
  expect(await (await fetch(`${farm.url}/api/v1/build-errors`)).text()).toBe('No build errors recorded.');
  const client = new BuildClient(() => farm.url);
  const request = {
    version: '24.10.4',
    target: 'x86/64',
    profile: 'generic',
    packages: ['vim', 'tmux', '-ppp'],
    client: 'owut/2026.07.08-r1',
  };
  await client.final(hashOf(await client.post(request)));
  expect((await client.post(request)).status).toBe(200);
  expect((await client.post(request)).status).toBe(200);
  const failing = { ...request, packages: ['vim', 'knob-fail'], client: undefined };
  expect((await client.final(hashOf(await client.post(failing)))).status).toBe(500);

  const today = new Date().toISOString().slice(0, 10);
  // What is counted is written once a second, and a chart is drawn once a minute.
  await eventually(async () => {
    const counts = await redis.hmget(dayKey(today), 'requests', 'cache-hits', 'failures', 'successes');
    expect(counts).toEqual(['4', '2', '1', '1']);
  });
  const perDay = (await read('/api/v1/builds-per-day')) as unknown as Chart;
  expect(perDay.datasets.map(({ label, data }) => [label, data.at(-1)])).toEqual([
    ['Requests', 4],
    ['Cache-Hits', 2],
    ['Failures', 1],
  ]);
  expect([perDay.labels.length, perDay.labels.at(-1)]).toEqual([30, `${today}Z`]);
  expect(await read('/api/v1/stats/builds-per-day')).toEqual(perDay);
  expect(perDay.datasets).toMatchObject([{ color: 'green' }, { color: 'orange' }, { color: 'red' }]);
  expect(await read('/api/v1/stats/summary')).toEqual({ queue_length: 0, builds_24h: 1 });

  const byBranch = (await read('/api/v1/builds-by-version')) as unknown as Chart;
  expect(byBranch.labels).toHaveLength(26);
  expect(byBranch.datasets).toEqual([{ label: '24.10', data: [...Array(25).fill(0), 1] }]);
  expect(await read('/api/v1/builds-by-version?branch=24.10')).toMatchObject({
    datasets: [{ label: '24.10.4' }],
  });
  expect(await read('/api/v1/builds-by-version?branch=23.05')).toMatchObject({ datasets: [] });

  const top = { branch: null, days: 30 };
  expect(await read('/api/v1/top-packages?n=1')).toEqual({ ...top, packages: [{ name: 'vim', count: 1 }] });
  expect(await read('/api/v1/top-packages?branch=24.10')).toEqual({
    branch: '24.10',
    days: 30,
    packages: [
      { name: 'vim', count: 1 },
      { name: 'tmux', count: 1 },
    ],
  });
  expect(await read('/api/v1/top-packages?branch=SNAPSHOT')).toMatchObject({ packages: [] });

  const errors = await fetch(`${farm.url}/api/v1/build-errors?n=5`);
  expect(errors.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  const text = await errors.text();
  expect(text).toMatch(/^Build Errors: 1 entries\nTime range: /);
  expect(text).toMatch(/\n\S+ 24\.10\.4:x86\/64:generic Error: /);

  const page = await fetch(`${farm.url}/stats`);
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(await page.text()).toContain('<td>vim</td><td class="number">1</td>');

  const keys = await eventually(async () => (await client.metric('wrtfarm_requests_accepted_total')) === 4);
  expect(keys).toBe(true);
});

test.each(['/api/v1/top-packages?n=101', '/api/v1/build-errors?n=x', '/api/v1/builds-by-version?branch=*'])(
  '%s is refused as FastAPI refuses it',
  async (path) => {
    const response = await fetch(farm.url + path);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      status: 422,
      detail: [{ loc: ['query', expect.any(String)] }],
    });
  },
);
