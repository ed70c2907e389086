import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentRegistry } from '../../coordinator/agents/agent-registry.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { createFarm, type Farm } from '../../coordinator/farm/create-farm.ts';
import { HALF_LIFE_MS } from '../../coordinator/scheduling/demand.ts';
import { silentLog } from '../../shared/log.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

/* What a coordinator knows of the farm as a whole, as Redis has it. */

const X86 = 'openwrt=24_10_4=x86=64';
const ATH79 = 'openwrt=24_10_4=ath79=generic';
const CURRENT = 'c'.repeat(64);
const STALE = 'e'.repeat(64);
const SOURCE = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: CURRENT,
};

let server: TestRedis;
let redis: Redis;
let agents: AgentRegistry;
let now: number;

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  agents = new AgentRegistry(redis, new RedisScripts(redis));
  now = 1_790_000_000_000;
});

afterEach(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

/** As one coordinator has it; each call is another coordinator. */
function coordinator(): Farm {
  const clock = { now: () => now, steadyMs: () => now, sleep: async () => undefined };
  const waiting = new WaitingQueue(redis, new RedisScripts(redis));
  return createFarm({ redis, clock, log: silentLog, agents, waiting });
}

async function pull(agentId: string, told: Partial<Pull> = {}): Promise<void> {
  await agents.record(firstPull({ agentId, ...told }));
}

test('agents are as their newest pulls told, however often the farm was looked at before', async () => {
  const slots = async (): Promise<readonly (readonly [string, number])[]> =>
    (await agents.list()).map(({ pull: { agentId, slots } }) => [agentId, slots]);
  await pull('agent-1');
  await pull('agent-2');
  const both = [
    ['agent-1', 1],
    ['agent-2', 1],
  ];
  expect(await slots()).toEqual(both);
  expect(await slots()).toEqual(both);
  await pull('agent-1', { sequence: 2, slots: 5 });
  await pull('agent-2', { session: 'f'.repeat(32), slots: 7 });
  expect(await slots()).toEqual([
    ['agent-1', 5],
    ['agent-2', 7],
  ]);
  await agents.forget('agent-1');
  expect(await slots()).toEqual([['agent-2', 7]]);
});

test('agents, with what they have and what they were told to fetch and have not told of yet', async () => {
  const { farm, offered } = coordinator();
  await offered.note(SOURCE);
  await pull('agent-1', { warm: [{ builder: X86, digest: STALE, sizeBytes: 7, warmedInMs: 30 }] });
  await pull('agent-2');
  const decided = { seenFetches: 0, maxFetches: 8 };
  expect(await agents.planWarm('agent-1', X86, decided)).toBe(true);
  const { view } = await farm.within(0);
  expect(view.agents.map(({ agentId, warming }) => [agentId, warming])).toEqual([
    ['agent-1', [{ builder: X86, digest: CURRENT }]],
    ['agent-2', []],
  ]);
  expect(view.timings.fetchMs.get(X86)).toBe(30);
  expect([view.sizes.get(X86), view.digests.get(X86)]).toEqual([7, CURRENT]);
});

test('a fetch is ordered once, whichever coordinators decided it at the same time', async () => {
  await Promise.all(['agent-1', 'agent-2'].map((id) => pull(id)));
  const decided = { seenFetches: 0, maxFetches: 8 };
  const ordered = await Promise.all(
    ['agent-1', 'agent-2', 'agent-1'].map((id) => agents.planWarm(id, X86, decided)),
  );
  expect(ordered.filter((isOrdered) => isOrdered)).toHaveLength(1);
  expect(await agents.planWarm('agent-2', X86, { seenFetches: 1, maxFetches: 1 })).toBe(false);
});

test('an agent that failed to fetch a builder is not to be asked for it for a while, another one is', async () => {
  await Promise.all(['agent-1', 'agent-2'].map((id) => pull(id)));
  const decided = { seenFetches: 0, maxFetches: 8 };
  await agents.planWarm('agent-1', X86, decided);
  await agents.noteWarmFailure('agent-1', { builder: X86, digest: CURRENT });
  const { view } = await coordinator().farm.within(0);
  expect(view.agents.map(({ paused }) => paused)).toEqual([[X86], []]);
  expect(await agents.planWarm('agent-1', X86, decided)).toBe(false);
  expect(await agents.planWarm('agent-2', X86, decided)).toBe(true);
});

test('the builder of an attempt that has ended is in use until its agent tells of it no more', async () => {
  const requestHash = 'a'.repeat(64);
  const lease = {
    requestHash,
    generation: '1'.repeat(32),
    attempt: 1,
    agentId: 'agent-1',
    token: '2'.repeat(96),
  };
  await redis.hset(`wrtfarm:build:${requestHash}`, 'builder', X86);
  await pull('agent-1', { attempts: [lease] });
  expect((await coordinator().farm.within(0)).view.agents).toMatchObject([{ running: [], ending: [X86] }]);
  await pull('agent-1', { sequence: 2 });
  expect((await coordinator().farm.within(0)).view.agents).toMatchObject([{ running: [], ending: [] }]);
});

test('demand is counted for the whole farm, fades, and is forgotten in the end', async () => {
  const { demand } = coordinator();
  demand.count(X86);
  await eventually(async () => expect([...(await coordinator().demand.all()).keys()]).toEqual([X86]));
  demand.count(ATH79);
  demand.count(X86);
  await eventually(async () => expect((await coordinator().demand.all()).get(X86)?.count).toBe(2));
  await coordinator().demand.expect(new Map([[X86, { count: 50, countedAt: now }]]));
  now += 5 * HALF_LIFE_MS + 1;
  expect([...(await coordinator().demand.all()).keys()]).toEqual([X86]);
});

test('what the operator pinned is known to all, until it is unpinned', async () => {
  await coordinator().pinned.pin(X86);
  expect((await coordinator().farm.within(0)).view.pinned).toEqual(new Set([X86]));
  await coordinator().pinned.unpin(X86);
  expect((await coordinator().farm.within(0)).view.pinned).toEqual(new Set());
});

test('who asks for a picture that is not older than so much gets the newest one, else another', async () => {
  const { farm } = coordinator();
  const first = await farm.within(60_000);
  await pull('agent-1');
  expect(await farm.within(60_000)).toBe(first);
  expect((await farm.within(-1)).states).toHaveLength(1);
});
