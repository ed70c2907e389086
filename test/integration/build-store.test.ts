import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AgentRegistry } from '../../coordinator/agents/agent-registry.ts';
import type { BuildJson } from '../../coordinator/artifacts/sealed-build.ts';
import { AttemptStore } from '../../coordinator/builds/attempt-store.ts';
import type { BuildRecord, ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { BuildStore, type SubmittedBuild } from '../../coordinator/builds/build-store.ts';
import { sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import { agentKey, logKey } from '../../coordinator/builds/keys.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { KeeperLock } from '../../coordinator/keeper/keeper-lock.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, type Lease, leaseTimes, leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';
import { submitBuild } from '../support/submit-build.ts';

const FARM_KEY = Buffer.alloc(32, 7);
const DIGEST = 'd'.repeat(64);
const TIMES = leaseTimes(1_500);

let server: TestRedis;
let redis: Redis;
let builds: BuildStore;
let attempts: AttemptStore;
let waiting: WaitingQueue;
let agents: AgentRegistry;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  const scripts = new RedisScripts(redis);
  builds = new BuildStore(redis, scripts);
  attempts = new AttemptStore(redis, scripts, TIMES, async () => false);
  waiting = new WaitingQueue(redis, scripts);
  agents = new AgentRegistry(redis, scripts);
});

afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await redis.flushall();
});

function request(changes: Partial<ResolvedRequest['spec']> = {}, digest = DIGEST): ResolvedRequest {
  return {
    spec: plainSpec({ packages: ['vim'], ...changes }),
    source: {
      distro: 'openwrt',
      version: '24.10.4',
      target: 'x86/64',
      versionPath: 'releases/24.10.4',
      digest,
    },
    client: 'test/1',
  };
}

async function submit(wanted: ResolvedRequest, maxQueued: number): Promise<SubmittedBuild> {
  return await submitBuild({ redis, builds }, wanted, maxQueued);
}

const BUILDER = builderToken(request().source);

function pull(changes: Partial<Pull> = {}): Pull {
  return firstPull({
    agentId: 'agent-1',
    warm: [{ builder: BUILDER, digest: DIGEST }],
    ...changes,
  });
}

async function claim(agent = pull(), digest = DIGEST): Promise<Lease | string> {
  const nonce = newLeaseNonce();
  const { agentId, session, sequence } = agent;
  const answer = await attempts.claim({
    agentId,
    session,
    sequence,
    lane: 'open',
    builder: BUILDER,
    digest,
    nonce,
  });
  if (answer.status !== 'granted') return answer.status;
  const { requestHash = '', generation = '', attempt = 0 } = answer;
  const id = { requestHash, generation, attempt };
  return { ...id, agentId, token: leaseToken(FARM_KEY, id, agentId, nonce) };
}

async function termOf(keeper: string): Promise<string> {
  return (await new KeeperLock(redis, keeper, 60_000).hold()) ?? 'none';
}

/** A running attempt, and the keeper of a term that finds its lease among those that ended. */
async function expiring(): Promise<{ lease: Lease; expire: (term: string) => Promise<string> }> {
  await agents.record(pull());
  await submit(request(), 10);
  const lease = await claimed();
  await attempts.openAttempt(lease, 'stream');
  const exhausted = sealFarmFailure(await record(lease.requestHash), 'lost');
  const how = { trouble: 'gone', isCounted: true, avoidMs: 0, exhausted } as const;
  return {
    lease,
    expire: async (expiredInTerm) => (await attempts.loseAttempt(lease, { expiredInTerm, ...how })).status,
  };
}

async function claimed(agent = pull()): Promise<Lease> {
  const lease = await claim(agent);
  if (typeof lease === 'string') throw new Error(`claim answered ${lease}`);
  return lease;
}

async function record(hash: string): Promise<BuildRecord> {
  const found = await builds.get(hash);
  if (!found) throw new Error('no such build');
  return found;
}

async function lose(lease: Lease, changes: { isCounted?: boolean; avoidMs?: number } = {}) {
  return await attempts.loseAttempt(lease, {
    lease,
    trouble: 'feed',
    isCounted: true,
    avoidMs: 0,
    exhausted: sealFarmFailure(await record(lease.requestHash), 'lost'),
    ...changes,
  });
}

describe('submit', () => {
  test('two hundred equal requests at once make one build', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => submit(request(), 1000)));
    expect(answers.filter((answer) => answer.isNew)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.record.generation)).size).toBe(1);
    expect(await waiting.queuedCount()).toBe(1);
  });

  test('positions count what waits for the same builder, from 0', async () => {
    await submit(request({ packages: ['a'] }), 10);
    const second = await submit(request({ packages: ['b'] }), 10);
    expect(second.record.position).toBe(1);
  });

  test('a full queue refuses a new build and still answers a known one', async () => {
    await submit(request(), 1);
    await submit(request({ packages: ['last'] }), 1);
    await expect(submit(request({ packages: ['other'] }), 1)).rejects.toMatchObject({
      code: 'resource_exhausted',
      details: { queueLength: 2 },
    });
    expect((await submit(request(), 1)).isNew).toBe(false);
  });
});

describe('claim', () => {
  test('the first build is granted first, and each once', async () => {
    await agents.record(pull({ slots: 5 }));
    const first = await submit(request({ packages: ['a'] }), 10);
    const second = await submit(request({ packages: ['b'] }), 10);
    expect(await claim(pull())).toMatchObject({ requestHash: first.record.requestHash, attempt: 1 });
    expect(await claim(pull())).toMatchObject({ requestHash: second.record.requestHash, attempt: 1 });
    expect(await claim(pull())).toBe('empty');
    expect(await waiting.waitingSets()).toEqual([]);
  });

  test('an agent gets no more builds than it has slots', async () => {
    await agents.record(pull());
    await submit(request({ packages: ['a'] }), 10);
    await submit(request({ packages: ['b'] }), 10);
    await claimed();
    expect(await claim()).toBe('busy');
  });

  test('only the newest pull of an agent may be granted a build', async () => {
    await agents.record(pull());
    await agents.record(pull({ sequence: 2 }));
    await submit(request(), 10);
    expect(await claim(pull({ sequence: 1 }))).toBe('superseded');
    expect(await claim(pull({ sequence: 2, session: 'b'.repeat(32) }))).toBe('superseded');
  });

  test('a builder with other bytes than the build is pinned to does not serve it', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    expect(await claim(pull(), 'e'.repeat(64))).toBe('ineligible');
  });
});

describe('an attempt', () => {
  test('keeps log chunks in order, each once, and tells which it wants next', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    expect(await attempts.openAttempt(lease, 'stream')).toEqual({ status: 'open', nextLogSequence: 0 });
    expect(await attempts.appendLog(lease, 0, Buffer.from('a'), 100)).toBe(1);
    expect(await attempts.appendLog(lease, 0, Buffer.from('again'), 100)).toBe(1);
    expect(await attempts.appendLog(lease, 5, Buffer.from('gap'), 100)).toBe(1);
    expect(await attempts.appendLog(lease, 1, Buffer.from('b'), 100)).toBe(2);
    expect(Buffer.concat([...(await attempts.readLog(lease, 0))]).toString()).toBe('ab');
    await expect(attempts.appendLog(lease, 2, randomBytes(200), 100)).rejects.toMatchObject({
      code: 'resource_exhausted',
    });
  });

  test('that was lost can write nothing any more, and its build is granted again with the next number', async () => {
    await agents.record(pull({ slots: 2 }));
    const { record: build } = await submit(request(), 10);
    const stale = await claimed();
    await attempts.openAttempt(stale, 'stream');
    expect(await lose(stale)).toMatchObject({ status: 'queued', lane: 'open', builder: BUILDER });
    expect((await record(build.requestHash)).state).toBe('queued');
    const fresh = await claimed();
    expect(fresh.attempt).toBe(2);

    const sealed = sealFarmFailure(build, 'x');
    for (const write of [
      () => attempts.renewLease(stale),
      () => attempts.reachStage(stale, 'building_image'),
      () => attempts.appendLog(stale, 0, Buffer.from('x'), 100),
      () => attempts.requireCurrent(stale),
      () => attempts.sealAttempt(stale, sealed),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'lease_lost' });
    }
    expect(await attempts.openAttempt(stale, 'stream')).toEqual({ status: 'lost' });
    expect(await lose(stale)).toMatchObject({ status: 'current' });
    await attempts.openAttempt(fresh, 'stream');
    expect((await record(build.requestHash)).state).toBe('running');
  });

  test('whose lease was renewed meanwhile is not lost to its expiry', async () => {
    const { lease, expire } = await expiring();
    expect(await expire(await termOf('keeper-1'))).toBe('current');
    await attempts.renewLease(lease);
  });

  test('whose lease ended is lost to the keeper, and not to one that was replaced', async () => {
    const { lease, expire } = await expiring();
    await redis.zadd('wrtfarm:leases', 0, attemptKey(lease));
    const old = await termOf('keeper-1');
    await redis.del('wrtfarm:keeper-lock');
    const current = await termOf('keeper-2');
    expect(await expire(old)).toBe('current');
    await attempts.requireCurrent(lease);
    expect(await expire(current)).toBe('queued');
    await expect(attempts.requireCurrent(lease)).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('what is due since the clock of Redis went back is due at once, not when its old time comes again', async () => {
    const { requestHash } = (await submit(request(), 10)).record;
    for (const name of ['unpublished', 'unpurged', 'publishing'])
      await redis.zadd(`wrtfarm:${name}`, Date.now() + 3_600_000, requestHash);
    expect(await attempts.mendTimes()).toBe(3);
    expect(await attempts.mendTimes()).toBe(0);
    for (const name of ['unpublished', 'unpurged', 'publishing'])
      expect(Number(await redis.zscore(`wrtfarm:${name}`, requestHash))).toBeLessThanOrEqual(Date.now());
  });

  test('does not last for an hour more because the clock of Redis went back by one', async () => {
    const { lease } = await expiring();
    const [seconds] = await redis.time();
    await redis.zadd('wrtfarm:leases', Number(seconds) * 1000 + 3_600_000, attemptKey(lease));
    expect(await attempts.mendTimes()).toBe(1);
    const ends = Number(await redis.zscore('wrtfarm:leases', attemptKey(lease)));
    expect(ends).toBeLessThanOrEqual(Number((await redis.time())[0]) * 1000 + 1_000 + TIMES.leaseMs);
    expect(await attempts.mendTimes()).toBe(0);
  });

  test('that no stream took up is not counted, one that was lost three times fails its build', async () => {
    await agents.record(pull({ slots: 5 }));
    const { record: build } = await submit(request(), 10);
    expect(await lose(await claimed())).toMatchObject({ status: 'queued', isCounted: false });
    for (const expected of ['queued', 'delayed', 'exhausted']) {
      const lease = await claimed();
      await attempts.openAttempt(lease, 'stream');
      expect(await lose(lease)).toMatchObject({ status: expected, isCounted: true });
      if (expected === 'delayed') {
        expect(await waiting.releaseDelayed()).toEqual([]);
        await redis.zadd('wrtfarm:delayed', 0, build.requestHash);
        expect(await waiting.releaseDelayed()).toMatchObject([
          { requestHash: build.requestHash, attempt: 3 },
        ]);
      }
    }
    expect((await record(build.requestHash)).state).toBe('publishing');
    expect(await builds.troubles(build.requestHash)).toEqual(['feed', 'feed', 'feed']);
  });

  test('is not granted to the agent that just lost it', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    await attempts.openAttempt(lease, 'stream');
    await lose(lease, { avoidMs: 60_000 });
    expect(await claim()).toBe('ineligible');
    const other = pull({ agentId: 'agent-2' });
    await agents.record(other);
    expect(await claim(other)).toMatchObject({ agentId: 'agent-2' });
  });
});

describe('the end of a build', () => {
  async function sealedBuild(): Promise<{ lease: Lease; json: BuildJson }> {
    await agents.record(pull());
    const { record: build } = await submit(request(), 10);
    const lease = await claimed();
    await attempts.openAttempt(lease, 'stream');
    await attempts.appendLog(lease, 0, Buffer.from('made'), 100);
    const sealed = { ...sealFarmFailure(build, 'x'), outcome: 'done' as const, isCacheable: true };
    await attempts.sealAttempt(lease, sealed);
    await attempts.sealAttempt(lease, sealed);
    const json: BuildJson = {
      version: 1,
      requestHash: build.requestHash,
      generation: build.generation,
      attempt: 1,
      lane: build.lane,
      source: build.source,
      spec: build.spec,
      client: build.client,
      acceptedAt: build.acceptedAt,
      finishedAt: 1,
      expiresAt: 2,
      ...sealed,
    };
    return { lease, json };
  }

  test('is told to an agent that asks again after it was recorded', async () => {
    const { lease } = await sealedBuild();
    expect(await attempts.openAttempt(lease, 'stream')).toEqual({ status: 'ended' });
  });

  test('leaves its log in Redis to those who are reading it, not for longer', async () => {
    const { lease } = await sealedBuild();
    expect(Buffer.concat([...(await attempts.readLog(lease, 0))]).toString()).toBe('made');
    const leftMs = await redis.pttl(logKey(attemptKey(lease)));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(300_000);
  });

  test('happens once, keeps the answer, and frees the slot', async () => {
    const { lease, json } = await sealedBuild();
    expect(await builds.finish(json)).toBe(true);
    expect(await builds.finish(json)).toBe(false);
    expect(await record(lease.requestHash)).toMatchObject({ state: 'done', answer: json.answer });
    await submit(request({ packages: ['next'] }), 10);
    expect(await claim()).toMatchObject({ attempt: 1 });
  });

  test('cannot be another one afterwards: the error names both states', async () => {
    const { json } = await sealedBuild();
    await builds.finish(json);
    await expect(builds.finish({ ...json, outcome: 'failed' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('from done to failed'),
    });
  });

  test('with a builder that is outdated by now is not the answer for who did not pin the revision', async () => {
    const { lease, json } = await sealedBuild();
    await builds.finish(json);
    const anew = await submit(request({}, 'e'.repeat(64)), 10);
    expect(anew.isNew).toBe(true);
    expect(anew.record.generation).not.toBe(lease.generation);
  });

  test('can be put back from build.json after Redis lost it', async () => {
    const { json } = await sealedBuild();
    await builds.finish(json);
    await redis.flushall();
    await builds.restore({ ...json, expiresAt: Date.now() + 60_000 });
    expect(await record(json.requestHash)).toMatchObject({ state: 'done', answer: json.answer });
    expect(await redis.pttl(`wrtfarm:build:${json.requestHash}`)).toBeGreaterThan(50_000);
  });

  test('is not put back when it has expired', async () => {
    const { json } = await sealedBuild();
    await builds.finish(json);
    await redis.flushall();
    await builds.restore({ ...json, expiresAt: Date.now() - 1 });
    expect(await builds.get(json.requestHash)).toBeUndefined();
  });
});

describe('a pull', () => {
  test('tells what the agent should hold and does not, and what it holds and should not', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    const later = await agents.record(pull({ sequence: 2 }));
    expect(later.revoke).toEqual([`${lease.requestHash}.${lease.generation}.1`]);
    await lose(lease);
    const listing = await agents.record(pull({ sequence: 3, attempts: [lease] }));
    expect(listing.cancel).toEqual([`${lease.requestHash}.${lease.generation}.1`]);
    expect(listing.revoke).toEqual([]);
  });

  test('that crossed the grant on its way does not end an attempt that was taken up meanwhile', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    const later = pull({ sequence: 2 });
    expect((await agents.record(later)).revoke).toHaveLength(1);
    await attempts.openAttempt(lease, 'stream-1');
    const revoke = async (unlistedBy: Pull) =>
      await attempts.loseAttempt(lease, {
        unlistedBy,
        trouble: 'gone',
        isCounted: true,
        avoidMs: 0,
        exhausted: sealFarmFailure(await record(lease.requestHash), 'lost'),
      });
    expect(await revoke(later)).toEqual({ status: 'current' });
    expect(await record(lease.requestHash)).toMatchObject({ state: 'running', attempt: 1 });
    expect((await revoke(pull({ session: 'b'.repeat(32) }))).status).toBe('queued');
  });

  test('that does not list a grant nobody took up ends it, uncounted', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    const answer = await attempts.loseAttempt(lease, {
      unlistedBy: pull({ sequence: 2 }),
      trouble: 'gone',
      isCounted: true,
      avoidMs: 0,
      exhausted: sealFarmFailure(await record(lease.requestHash), 'lost'),
    });
    expect(answer).toMatchObject({ status: 'queued', isCounted: false });
  });

  test('that arrives after a newer one changes nothing', async () => {
    await agents.record(pull({ sequence: 5 }));
    expect((await agents.record(pull({ sequence: 4, slots: 9 }))).isNewest).toBe(false);
    expect(await redis.hget(agentKey('agent-1'), 'slots')).toBe('1');
  });
});

describe('what keeps an attempt from hanging', () => {
  test('a grant that nobody takes up five times in a row counts as a loss, and is not given again at once', async () => {
    await agents.record(pull({ slots: 5 }));
    const { record: build } = await submit(request(), 10);
    const answers: { status: string; isCounted?: boolean }[] = [];
    for (let round = 0; round < 5; round += 1) {
      answers.push(await lose(await claimed(), { isCounted: false }));
      await redis.zadd('wrtfarm:delayed', 'XX', 0, build.requestHash);
      await waiting.releaseDelayed();
    }
    expect(answers.map(({ isCounted }) => isCounted)).toEqual([false, false, false, false, true]);
    expect(answers.map(({ status }) => status)).toEqual([
      'queued',
      'delayed',
      'delayed',
      'delayed',
      'delayed',
    ]);
  });

  test('a lease is not renewed for ever, however alive the agent is', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    await attempts.openAttempt(lease, 'stream');
    const key = `wrtfarm:attempt:${lease.requestHash}.${lease.generation}.1`;
    await redis.hset(key, 'startedAt', Date.now() - TIMES.attemptMs - 1_000);
    await expect(attempts.renewLease(lease)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await attempts.openAttempt(lease, 'stream')).toEqual({ status: 'lost' });
  });

  test('the late end of an old stream leaves the lease of the new one alone', async () => {
    await agents.record(pull());
    await submit(request(), 10);
    const lease = await claimed();
    await attempts.openAttempt(lease, 'old');
    await attempts.openAttempt(lease, 'new');
    const key = `${lease.requestHash}.${lease.generation}.1`;
    const before = await redis.zscore('wrtfarm:leases', key);
    await attempts.startGrace(lease, 'old');
    expect(await redis.zscore('wrtfarm:leases', key)).toBe(before);
    await attempts.startGrace(lease, 'new');
    expect(Number(await redis.zscore('wrtfarm:leases', key))).toBeLessThan(Number(before));
  });
});

test('a late pull of an earlier session takes nothing from the new one', async () => {
  const renewed = pull({ session: 'b'.repeat(32) });
  await agents.record(pull());
  await agents.record(renewed);
  await submit(request(), 10);
  await attempts.openAttempt(await claimed(renewed), 'stream');
  expect(await agents.record(pull({ sequence: 9 }))).toMatchObject({ isNewest: false, revoke: [] });
});
