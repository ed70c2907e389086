import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AgentRegistry } from '../../coordinator/agents/agent-registry.ts';
import { BuildStore } from '../../coordinator/builds/build-store.ts';
import { DEMAND_KEY } from '../../coordinator/builds/keys.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { createFarm, type Farm } from '../../coordinator/farm/create-farm.ts';
import { followEveryMs, UpstreamFollower } from '../../coordinator/keeper/upstream-follower.ts';
import { type Builder, builderToken } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

/* What the farm follows of upstream, step by step. */

const FRESH_MS = 60_000;
const X86 = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };

let server: TestRedis;
let redis: Redis;
let farm: Farm;
let follower: UpstreamFollower;
let now: number;
/** By distribution, the newest first; undefined where its mirror is down. */
let versions: Map<string, string[] | undefined>;
/** Targets by version; none of what is announced only. */
let targets: Map<string, string[]>;
/** Builders upstream has, by token. */
let digests: Map<string, string>;

beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  now = 1_790_000_000_000;
  versions = new Map([['openwrt', ['24.10.4']]]);
  targets = new Map();
  digests = new Map();
  const clock = { now: () => now, steadyMs: () => now, sleep: async () => undefined };
  const scripts = new RedisScripts(redis);
  const waiting = new WaitingQueue(redis, scripts);
  farm = createFarm({ redis, clock, log: silentLog, agents: new AgentRegistry(redis, scripts), waiting });
  const builds = new BuildStore(redis, scripts);
  follower = new UpstreamFollower({
    ...{ ...farm, redis, builds, waiting, clock },
    freshMs: FRESH_MS,
    log: silentLog,
    catalog: {
      get distros() {
        return [...versions.keys()];
      },
      versionsByBranch: async (distro) => {
        const all = versions.get(distro);
        if (!all) throw new FarmError('unavailable', 'the mirror is down');
        return new Map([['all', all]]);
      },
      targets: async (_distro, version) => targets.get(version) ?? [],
      currentSource: async (builder: Builder) => {
        const digest = digests.get(builderToken(builder));
        if (!digest) throw new FarmError('not_found', 'upstream has none');
        return { ...builder, versionPath: `releases/${builder.version}`, digest };
      },
    },
  });
});

afterEach(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

/** A look when upstream may have told something new. */
async function look(): Promise<void> {
  now += FRESH_MS;
  await follower.step();
}

async function demanded(): Promise<readonly string[]> {
  return (await redis.hkeys(DEMAND_KEY)).sort();
}

test('what the farm deals with is noted as upstream offers it, and forgotten when upstream has it no longer', async () => {
  const token = builderToken(X86);
  await farm.pinned.pin(token);
  digests.set(token, 'a'.repeat(64));
  await look();
  expect((await farm.offered.all()).get(token)?.digest).toBe('a'.repeat(64));
  digests.set(token, 'b'.repeat(64));
  await look();
  expect((await farm.offered.all()).get(token)?.digest).toBe('b'.repeat(64));
  digests.delete(token);
  await look();
  expect(await farm.offered.all()).toEqual(new Map());
});

test('a release that comes is expected to be asked for, those that were there at the first look are not', async () => {
  await farm.demand.expect(new Map([[builderToken(X86), { count: 8, countedAt: now }]]));
  versions.set('openwrt', ['24.10.5', '24.10.4']);
  targets.set('24.10.5', ['x86/64']);
  await look();
  expect(await demanded()).toEqual([builderToken(X86)]);
  versions.set('openwrt', ['24.10.6', '24.10.5', '24.10.4']);
  targets.set('24.10.6', ['x86/64', 'ath79/generic']);
  await look();
  expect(await demanded()).toEqual(
    ['24.10.4', '24.10.6'].map((version) => builderToken({ ...X86, version })),
  );
});

test('one that is announced and not there yet is new once it is, and keeps no other one waiting', async () => {
  await farm.demand.expect(new Map([[builderToken(X86), { count: 8, countedAt: now }]]));
  await look();
  versions.set('openwrt', ['25.12.0', '24.10.5', '24.10.4']);
  targets.set('24.10.5', ['x86/64']);
  await look();
  expect(await demanded()).toEqual(
    ['24.10.4', '24.10.5'].map((version) => builderToken({ ...X86, version })),
  );
  targets.set('25.12.0', ['x86/64']);
  await look();
  expect(await demanded()).toContain(builderToken({ ...X86, version: '25.12.0' }));
});

test('a mirror that is down hides no release of another distribution', async () => {
  const other = { ...X86, distro: 'other', version: '1.0' };
  await farm.demand.expect(new Map([[builderToken(other), { count: 8, countedAt: now }]]));
  versions = new Map([
    ['openwrt', undefined],
    ['other', ['1.0']],
  ]);
  await look();
  versions.set('other', ['1.1', '1.0']);
  targets.set('1.1', ['x86/64']);
  await look();
  expect(await demanded()).toEqual(['1.0', '1.1'].map((version) => builderToken({ ...other, version })));
});

test('it looks as often as there may be news, within bounds', () => {
  expect([0, 2_000, 60_000].map(followEveryMs)).toEqual([500, 2_000, 5_000]);
});
