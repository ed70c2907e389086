import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildKey, DEMAND_KEY, SEEN_RELEASES_KEY } from '../../coordinator/builds/keys.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';
import { publishRelease, rebuildTarget } from '../support/upstream/change-upstream.ts';
import { newestPull, warmByAgent } from '../support/warm-agents.ts';
import { X86 } from '../support/wire-builds.ts';

/* What upstream offers changes while the farm works. */

const FIRST = 'r28959-29397011cc';
const SECOND = 'r28960-aaaaaaaaaa';
/** Of the release to come. */
const ARCHIVE = '/releases/24.10.5/targets/x86/64/openwrt-imagebuilder-24.10.5-x86-64.Linux-x86_64.tar.zst';
const TOKEN = builderToken({ distro: 'openwrt', ...X86 });

let farm: TestFarm;
let redis: Redis;
const client = new BuildClient(() => farm.url);

beforeEach(async () => {
  farm = await startFarm({
    agents: 0,
    coordinator: { catalogFreshMs: '200' },
    upstream: { versions: [X86.version], targets: [X86.target] },
  });
  redis = new Redis(farm.redis.url);
});

afterEach(async () => {
  redis.disconnect();
  await farm[Symbol.asyncDispose]();
});

async function ask(name: string, more: object = {}): Promise<string> {
  return hashOf(await client.post({ ...X86, packages: [name], ...more }));
}

/** The revision a build was made of. */
async function builtOf(hash: string): Promise<unknown> {
  const { status, body } = await client.final(hash);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.version_code;
}

async function digestOf(hash: string): Promise<string> {
  return (await redis.hget(buildKey(hash), 'digest')) ?? '';
}

async function warmDigests(agentId: string): Promise<readonly string[]> {
  return (await newestPull(farm, agentId))?.warm.map(({ digest }) => digest) ?? [];
}

test('a build that waits is made of what upstream offers when its turn comes', async () => {
  const hash = await ask('vim');
  const digest = await digestOf(hash);
  await rebuildTarget(farm.upstream.root, X86, SECOND);
  await eventually(async () => expect(await digestOf(hash)).not.toBe(digest));
  await farm.startAgent('agent-1');
  expect(await builtOf(hash)).toBe(SECOND);
});

test('who has a wanted builder warm fetches its new bytes unasked, and what is made with the old ones stays so', async () => {
  await farm.startAgent('agent-1', { slots: '2' });
  const running = await ask('knob-slow-5');
  await client.reaches(running, 'building_image');
  const old = await warmDigests('agent-1');
  await rebuildTarget(farm.upstream.root, X86, SECOND);
  const [fresh] = await eventually(async () => {
    const now = await warmDigests('agent-1');
    expect(now).not.toEqual(old);
    return now;
  });
  const next = await ask('vim');
  expect(await digestOf(next)).toBe(fresh);
  expect([await builtOf(running), await builtOf(next)]).toEqual([FIRST, SECOND]);
});

test('who waits for a revision that upstream replaced gets it from the agent that has it', async () => {
  await farm.startAgent('agent-1');
  const running = await ask('knob-slow-5');
  await client.reaches(running, 'building_image');
  const insisting = await ask('vim', { version_code: FIRST });
  const following = await ask('tmux');
  await rebuildTarget(farm.upstream.root, X86, SECOND);
  await eventually(async () => expect(await digestOf(following)).not.toBe(await digestOf(insisting)));
  expect([await builtOf(running), await builtOf(insisting)]).toEqual([FIRST, FIRST]);
  expect(await builtOf(following)).toBe(SECOND);
});

test('and is told that it is gone where no agent has it', async () => {
  const insisting = await ask('vim', { version_code: FIRST });
  const digest = await digestOf(insisting);
  await rebuildTarget(farm.upstream.root, X86, SECOND);
  await eventually(async () => expect(await digestOf(insisting)).not.toBe(digest));
  await farm.startAgent('agent-1');
  expect((await client.final(insisting)).status).toBe(500);
});

test('a new release is warm before it is asked for where the one before it is in demand', async () => {
  await redis.hset(DEMAND_KEY, TOKEN, `100 ${Date.now()}`);
  await farm.startAgent('agent-1');
  await eventually(async () => (await redis.scard(SEEN_RELEASES_KEY)) > 0);
  await publishRelease(farm.upstream.root, '24.10.5', { like: X86.version, targets: [X86.target] });
  await eventually(async () =>
    expect(await warmByAgent(farm)).toEqual({ 'agent-1': ['24.10.4 x86/64', '24.10.5 x86/64'] }),
  );
  const fetches = farm.upstream.requests(ARCHIVE);
  expect(await builtOf(await ask('vim', { version: '24.10.5' }))).toBe(FIRST);
  expect([fetches, farm.upstream.requests(ARCHIVE)]).toEqual([1, 1]);
});
