import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunningAgent } from '../../agent/app.ts';
import { DEMAND_KEY } from '../../coordinator/builds/keys.ts';
import { PinnedBuilders } from '../../coordinator/farm/pinned-builders.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';
import { fetchesOf, type MiniBuilder, newestPull, warmByAgent } from '../support/warm-agents.ts';

/* An agent with a small disk budget. Its builders are all of one target, and so of one size. */

const OLD = { version: '23.05.6', target: 'ath79/generic', profile: '8dev_carambola2' };
const NOW = { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };
const NEXT = { version: '25.12.0', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };

let farm: TestFarm;
let redis: Redis;
let agent: RunningAgent;
const client = new BuildClient(() => farm.url);

beforeEach(async () => {
  farm = await startFarm({
    agents: 0,
    coordinator: { catalogFreshMs: '500' },
    upstream: { targets: ['ath79/generic'] },
  });
  redis = new Redis(farm.redis.url);
});

afterEach(async () => {
  redis.disconnect();
  await farm[Symbol.asyncDispose]();
});

async function build(request: object, name = 'vim'): Promise<void> {
  const { status, body } = await client.final(hashOf(await client.post({ ...request, packages: [name] })));
  expect(status, JSON.stringify(body)).toBe(200);
  // Until the agent has cleaned up the builder is in use there.
  await eventually(async () => (await newestPull(farm, 'small'))?.attempts.length === 0);
}

/** Builds with a builder, and then leaves the agent room for so many of its size. */
async function startSmallAgent(first: object, builders: number): Promise<void> {
  agent = await farm.startAgent('small');
  await build(first);
  await restartWithRoomFor(builders);
}

async function restartWithRoomFor(builders: number): Promise<void> {
  const sizes = (await newestPull(farm, 'small'))?.warm.map(({ sizeBytes = 0 }) => sizeBytes) ?? [];
  await agent[Symbol.asyncDispose]();
  const budget = Math.ceil((Math.max(...sizes) * (builders + 0.4)) / 1024);
  agent = await farm.startAgent('small', { diskBudget: `${budget}K` });
}

async function smallAgentHas(...builders: readonly MiniBuilder[]): Promise<void> {
  const names = builders.map(({ version, target }) => `${version} ${target}`).sort();
  await eventually(async () => expect(await warmByAgent(farm)).toEqual({ small: names }));
}

/** As if a builder had been asked for so often lately. */
async function askedFor(builder: MiniBuilder, times: number): Promise<void> {
  await redis.hset(DEMAND_KEY, builderToken({ distro: 'openwrt', ...builder }), `${times} ${Date.now()}`);
}

test('where there is no room for a further builder the least wanted one goes', async () => {
  await askedFor(NOW, 7);
  await startSmallAgent(NOW, 2);
  await build(OLD);
  await smallAgentHas(NOW, OLD);
  await build(NEXT);
  await smallAgentHas(NOW, NEXT);
  expect([NOW, OLD, NEXT].map((each) => fetchesOf(farm, each))).toEqual([1, 1, 1]);
});

test('what builds wait for stays, and what another build needs is fetched when they are done', async () => {
  await askedFor(NOW, 7);
  await startSmallAgent(NOW, 2);
  await build(OLD);
  const running = hashOf(await client.post({ ...NOW, packages: ['knob-slow-2'] }));
  await client.reaches(running, 'building_image');
  const waiting: string[] = [];
  for (const request of [OLD, NEXT])
    waiting.push(hashOf(await client.post({ ...request, packages: ['tmux'] })));
  for (const hash of [running, ...waiting]) expect((await client.final(hash)).status).toBe(200);
  expect([NOW, OLD, NEXT].map((each) => fetchesOf(farm, each))).toEqual([1, 1, 1]);
});

test('an agent whose budget was lowered removes what is wanted least, and works on', async () => {
  await askedFor(NOW, 7);
  await startSmallAgent(NOW, 2);
  await build(OLD);
  await smallAgentHas(NOW, OLD);
  await restartWithRoomFor(1);
  await smallAgentHas(NOW);
  await build(NOW, 'tmux');
  await build(NEXT);
  await smallAgentHas(NEXT);
  expect([NOW, OLD, NEXT].map((each) => fetchesOf(farm, each))).toEqual([1, 1, 1]);
});

test('a pinned builder is warm before anybody asks for it, and stays', async () => {
  await new PinnedBuilders(redis).pin(builderToken({ distro: 'openwrt', ...OLD }));
  agent = await farm.startAgent('small');
  await smallAgentHas(OLD);
  await restartWithRoomFor(2);
  await build(NOW);
  await smallAgentHas(OLD, NOW);
  await build(NEXT);
  await smallAgentHas(OLD, NEXT);
  await build(OLD);
  expect(fetchesOf(farm, OLD)).toBe(1);
});
