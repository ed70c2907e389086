import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { BuildOwner } from '../../coordinator/builds/build-owner.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FairFarm } from '../support/fair-farm.ts';

const ANN: BuildOwner = { priority: 'device', client: 'net:ann', weight: 1 };
const FLOODER: BuildOwner = { priority: 'device', client: 'net:flooder', weight: 1 };

let farm: FairFarm;

beforeAll(async () => {
  farm = await FairFarm.start();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await farm.reset();
});

async function claimed(): Promise<Lease> {
  const lease = await farm.claim();
  if (!lease) throw new Error('nothing waits');
  return lease;
}

async function flood(count: number, owner = FLOODER): Promise<readonly string[]> {
  const hashes: string[] = [];
  for (let at = 0; at < count; at += 1) hashes.push(await farm.submit(owner));
  return hashes;
}

/** What a coordinator from before the fair order would have left. */
async function makeOld(hashes: readonly string[]): Promise<void> {
  for (const hash of hashes) await farm.redis.hdel(`wrtfarm:build:${hash}`, 'startTag', 'owner');
  await farm.redis.del('wrtfarm:waiting-order', 'wrtfarm:client-tags', 'wrtfarm:client-waiting');
}

test('who asks for one build does not wait for the two hundred of somebody else', async () => {
  await flood(200);
  const wanted = await farm.submit(ANN);
  const first = [await claimed(), await claimed(), await claimed()].map(({ requestHash }) => requestHash);
  expect(first).toContain(wanted);
});

test('a script waits behind devices, also behind those that come later', async () => {
  const [bulk] = await flood(1, { priority: 'bulk', client: 'key:nightly', weight: 1 });
  const devices = [await farm.submit(ANN), await farm.submit(FLOODER)];
  const first = [await claimed(), await claimed(), await claimed()].map(({ requestHash }) => requestHash);
  expect(first).toEqual([...devices, bulk]);
});

test('a delayed build does not count as waiting until it may be claimed again', async () => {
  const hash = await farm.submit(ANN);
  expect(await farm.lose(await claimed(), true)).toBe('queued');
  expect(await farm.lose(await claimed(), true)).toBe('delayed');
  expect(await farm.kept()).toMatchObject({ waitingOrder: [], clientTags: {}, clientWaiting: {} });
  await farm.redis.zadd('wrtfarm:delayed', 0, hash);
  expect(await farm.waiting.releaseDelayed()).toMatchObject([{ requestHash: hash }]);
  expect(await farm.kept()).toMatchObject({ clientWaiting: { 'device:net:ann': '1' } });
  expect((await claimed()).requestHash).toBe(hash);
  expect(await farm.kept()).toMatchObject({ waitingOrder: [], clientWaiting: {} });
});

test('a build that was lost is behind nobody who comes later', async () => {
  await flood(5);
  const lease = await claimed();
  await farm.lose(lease);
  await farm.submit(ANN);
  expect((await claimed()).requestHash).toBe(lease.requestHash);
});

test('a build that the operator puts first is claimed first, and counted once', async () => {
  const last = (await flood(20)).at(-1) ?? '';
  await farm.submit(ANN);
  expect(await farm.builds.prioritise(last)).toBe(true);
  expect(await farm.builds.prioritise(last)).toBe(true);
  expect(await farm.kept()).toMatchObject({ clientWaiting: { 'device:net:flooder': '20' } });
  expect((await claimed()).requestHash).toBe(last);
  expect(await farm.kept()).toMatchObject({ clientWaiting: { 'device:net:flooder': '19' } });
});

test('a build that the operator puts first comes before those of other builders too', async () => {
  await farm.submit(ANN, 1);
  const last = (await flood(3)).at(-1) ?? '';
  expect(await farm.builds.prioritise(last)).toBe(true);
  const parts = (await farm.waiting.waitingSets()).flatMap((set) => set.parts);
  const [next] = [...parts].sort((left, right) => left.firstScore - right.firstScore);
  expect(next?.first).toBe(last);
});

test('builds of an older coordinator are claimed, lost, put first and cancelled among new ones', async () => {
  const old = await flood(4);
  await makeOld(old);
  await farm.submit(ANN);
  const lease = await claimed();
  expect(old).toContain(lease.requestHash);
  await farm.lose(lease);
  expect((await farm.kept()).waitingOrder).toContain(lease.requestHash);
  expect(await farm.builds.prioritise(old[3] ?? '')).toBe(true);
  expect((await claimed()).requestHash).toBe(old[3]);
  await farm.cancel(old[1] ?? '');
  for (let left = 3; left > 0; left -= 1) await claimed();
  expect(await farm.kept()).toMatchObject({ waitingOrder: [], clientTags: {}, clientWaiting: {} });
});

test.each([
  ['wait for other bytes', { digest: 'e'.repeat(64) }],
  ['avoid this agent', { avoidAgent: 'agent-1', avoidUntil: String(Date.now() + 600_000) }],
])('builds that %s do not hide one behind them, up to a thousand', async (_what, fields) => {
  const before = await flood(999);
  await Promise.all(before.map((hash) => farm.redis.hset(`wrtfarm:build:${hash}`, fields)));
  const wanted = await farm.submit(FLOODER);
  expect((await claimed()).requestHash).toBe(wanted);
  const [more = ''] = await flood(1);
  await farm.redis.hset(`wrtfarm:build:${more}`, fields);
  await farm.submit(FLOODER);
  expect(await farm.claim()).toBeUndefined();
});

test('what an older coordinator claimed past the order holds the clock up no longer than until the next claim', async () => {
  const [gone = ''] = await flood(1);
  await farm.redis.hset(`wrtfarm:build:${gone}`, 'state', 'running');
  await farm.redis.zrem((await farm.redis.keys('wrtfarm:waiting:*'))[0] ?? '', gone);
  const wanted = await farm.submit(ANN);
  expect((await claimed()).requestHash).toBe(wanted);
  expect(await farm.kept()).toMatchObject({ waitingOrder: [], clientTags: {}, clientWaiting: {} });
});
