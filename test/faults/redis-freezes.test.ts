import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { useFarm } from '../support/use-farm.ts';
import { build, finalReply, hashFor, ONE, X86 } from '../support/wire-builds.ts';

const used = useFarm();
const { wire } = used;
let known: string;
let running: string;

beforeAll(async () => {
  known = await hashFor(wire, X86);
  await build(wire, X86);
  running = await hashFor(wire, { ...ONE, packages: ['knob-slow-5'] });
  await eventually(async () => {
    const { json } = await wire.get(`/api/v1/build/${running}`);
    return json.imagebuilder_status === 'building_image';
  });
  used.farm.redis.freeze();
});

afterAll(() => {
  used.farm.redis.thaw();
});

/* In this order: Redis is frozen until the last test. */

test.each<[what: string, path: string, body: unknown]>([
  ['a new build', '/api/v1/build', { ...X86, packages: ['vim'] }],
  ['a build of another version, which upstream is read for', '/api/v1/build', { ...X86, version: '25.12.0' }],
  ['a build asked for as in 2020', '/api/build', { ...X86, packages: ['tmux'] }],
  ['the queue', '/api/v1/stats', undefined],
  ['a chart', '/api/v1/builds-by-version', undefined],
  ['a file under its old name', '/store/SNAPSHOT/x86/64/generic/0123456789ab/manifest.json', undefined],
])('while Redis is frozen, %s is a 503 that says when to come again', async (_what, path, body) => {
  const reply = await (body === undefined ? wire.get(path) : wire.post(path, body));
  expect([reply.status, reply.json.detail]).toEqual([
    503,
    'The farm’s database does not answer. Please try again later.',
  ]);
  expect(Number(reply.header('retry-after'))).toBeGreaterThan(0);
  expect(reply.header('access-control-allow-origin')).toBe('*');
});

test('while Redis is frozen, what upstream says is still told', async () => {
  const reply = await wire.get('/json/v1/releases/25.12.0/targets/ath79/generic/index.json');
  expect(reply.status).toBe(200);
});

test('while Redis is frozen, metrics tell what is known without it, and nothing old', async () => {
  const { status, text } = await wire.get('/metrics');
  expect(status).toBe(200);
  expect(text).toMatch(/^wrtfarm_attempts_started_total \d/m);
  expect(text).not.toMatch(/^wrtfarm_(agents|slots|queue_oldest_wait_seconds)[ {]/m);
});

test('when Redis goes on, so does the farm, and what was built is known', async () => {
  used.farm.redis.thaw();
  const reply = await eventually(async () => {
    const again = await wire.get(`/api/v1/build/${known}`);
    return again.status === 503 ? false : again;
  });
  expect(reply.status).toBe(200);
  expect((await build(wire, { ...X86, packages: ['vim'] })).status).toBe(200);
});

test('a build that was under way meanwhile ends well, by its first attempt', async () => {
  expect((await finalReply(wire, running)).status).toBe(200);
  expect((await wire.get('/metrics')).text).toContain('wrtfarm_attempts_lost_total{cause="lease_expired"} 0');
  expect((await wire.get(`/api/v1/build/${running}/log`)).text).not.toContain('attempt 2');
});
