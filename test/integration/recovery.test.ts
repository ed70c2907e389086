import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { OPERATOR } from '../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { DEFAULT_LIFETIMES } from '../../coordinator/builds/final-answer.ts';
import { systemClock } from '../../shared/clock.ts';
import { binDir, newGeneration } from '../../shared/domain/build.ts';
import { attemptKey, type Lease, leaseToken } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import { BuildFarm, contentOf, OWNER, requestFor, resultWith } from '../support/build-farm.ts';
import { eventually } from '../support/eventually.ts';

let farm: BuildFarm;

beforeAll(async () => {
  farm = await BuildFarm.start();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await farm.reset();
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function begun(agentId = 'attic'): Promise<Lease> {
  const lease = await farm.claim(agentId);
  if (!lease) throw new Error('nothing waits');
  await farm.builds.attempts.openAttempt(lease, 'stream');
  return lease;
}

async function stateOf(hash: string): Promise<string | undefined> {
  return (await farm.builds.builds.get(hash))?.state;
}

describe('an unfinished build that Redis lost', () => {
  test('is put back for whoever asks, as the same build on the same account', async () => {
    const hash = await farm.submit();
    const before = await farm.builds.builds.get(hash);
    await farm.redis.flushall();
    const after = await farm.builds.service.get(hash);
    expect(after).toMatchObject({ ...before, etaMs: after?.etaMs, position: after?.position });
    expect(await farm.builds.builds.secondCopy(hash)).toMatchObject({ owner: OWNER });
  });

  test('is put back by the keeper, with all others, and built in the order they came in', async () => {
    const hashes = [await farm.submit(), await farm.submit(), await farm.submit()];
    await farm.redis.flushall();
    expect(await farm.builds.index.isWhole()).toBe(false);
    await farm.repairCopies();
    expect(farm.repairs).toEqual(['restored_build', 'restored_build', 'restored_build']);
    expect(await farm.builds.index.isWhole()).toBe(true);
    await farm.endDelays();
    const claimed = [await begun(), await begun(), await begun()].map(({ requestHash }) => requestHash);
    expect(new Set(claimed)).toEqual(new Set(hashes));
  });

  test('is held back first, so that the agent that makes it may say so', async () => {
    await farm.submit();
    await farm.redis.flushall();
    await farm.repairCopies();
    expect(await farm.claim('attic')).toBeUndefined();
    await farm.endDelays();
    expect(await farm.claim('attic')).toBeDefined();
  });

  test('is put back also where an earlier image of the same builder lies that is past its time', async () => {
    const hash = await farm.submit();
    const accepted = await farm.builds.builds.get(hash);
    if (!accepted) throw new Error('the build is there');
    const past = { acceptedAt: 1, finishedAt: 2, expiresAt: 3, keepMs: 1, attempt: 1 };
    const sealed = { artifacts: [], attemptKey: null, agentId: null, answer: {}, isCacheable: true };
    const { lane, source, spec, client } = accepted;
    await farm.artifacts.commit({
      ...{ version: 1, requestHash: hash, generation: newGeneration(), outcome: 'done' },
      ...{ lane, source, spec, client },
      ...past,
      ...sealed,
    });
    await farm.redis.flushall();
    await farm.repairCopies();
    expect(await farm.builds.builds.get(hash)).toMatchObject({
      state: 'queued',
      generation: accepted.generation,
    });
  });

  test('never gets a number of an attempt a second time', async () => {
    await farm.submit();
    const first = await begun();
    await farm.redis.flushall();
    await farm.repairCopies();
    await farm.endDelays();
    expect((await begun()).attempt).toBeGreaterThan(first.attempt);
  });
});

describe('an attempt that Redis lost', () => {
  test('goes on: its lease proves itself', async () => {
    const hash = await farm.submit();
    const lease = await begun();
    await farm.redis.flushall();
    await farm.builds.attempts.renewLease(lease);
    expect(await stateOf(hash)).toBe('running');
    expect(farm.repairs).toEqual(['restored_build', 'adopted_attempt']);
    expect(await farm.claim('cellar')).toBeUndefined();
  });

  test('does not when the lease was invented', async () => {
    await farm.submit();
    const lease = await begun();
    await farm.redis.flushall();
    const other = { ...lease, agentId: 'thief' };
    const forged = { ...other, token: leaseToken(Buffer.alloc(32, 1), other, 'thief', 'a'.repeat(32)) };
    for (const bad of [other, forged])
      await expect(farm.builds.attempts.renewLease(bad)).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('does not once its build was granted anew', async () => {
    await farm.submit();
    const old = await begun();
    await farm.redis.flushall();
    await farm.repairCopies();
    await farm.endDelays();
    const fresh = await begun('cellar');
    await expect(farm.builds.attempts.renewLease(old)).rejects.toMatchObject({ code: 'lease_lost' });
    await farm.builds.attempts.renewLease(fresh);
  });

  test('does not take a build over that was never lost', async () => {
    await farm.submit();
    const old = await begun();
    await farm.builds.ends.lose(old, 'handed_back', 'the agent stops', { lease: old });
    await expect(farm.builds.attempts.renewLease(old)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await stateOf(old.requestHash)).toBe('queued');
  });

  test('sends its log again from the beginning', async () => {
    await farm.submit();
    const lease = await begun();
    await farm.builds.attempts.appendLog(lease, 0, Buffer.from('one\n'), 100);
    await farm.redis.flushall();
    expect(await farm.builds.attempts.appendLog(lease, 1, Buffer.from('two\n'), 100)).toBe(0);
    expect(await farm.builds.attempts.openAttempt(lease, 'again')).toEqual({
      status: 'open',
      nextLogSequence: 0,
    });
  });

  test('that had just ended makes its build final, once', async () => {
    const hash = await farm.submit();
    const lease = await begun();
    const image = await farm.upload(lease, contentOf(lease));
    await farm.redis.flushall();
    await farm.builds.ends.finish(lease, resultWith(image));
    await expect(farm.builds.ends.finish(lease, resultWith(image))).resolves.toBeUndefined();
    expect(await stateOf(hash)).toBe('failed');
    expect(farm.finished).toEqual([hash]);
  });

  test('that won leaves its files, whoever makes the build after Redis was lost once more', async () => {
    const hash = await farm.submit();
    const first = await begun();
    const image = await farm.upload(first, contentOf(first));
    // Its coordinator died between the files and `build.json`.
    await farm.artifacts.makePermanent(attemptKey(first), binDir(hash, first.generation), [image]);
    await farm.redis.flushall();
    await farm.repairCopies();
    await farm.endDelays();
    const second = await begun('cellar');
    await farm.finish(second);
    const served = await farm.artifacts.find(hash, 'image.bin');
    expect(served && (await text(served.read()))).toBe(contentOf(second));
  });
});

describe('a build that Redis loses while it is ended', () => {
  test('and that is put back before its build.json is written is final by it', async () => {
    const hash = await farm.submit();
    const lease = await begun();
    const commit = farm.artifacts.commit.bind(farm.artifacts);
    vi.spyOn(farm.artifacts, 'commit').mockImplementationOnce(async (json) => {
      await farm.redis.flushall();
      await farm.builds.attempts.renewLease(lease);
      return await commit(json);
    });
    await farm.finish(lease);
    expect(farm.repairs).toContain('adopted_attempt');
    expect(await farm.builds.builds.get(hash)).toMatchObject({ state: 'failed', attempt: lease.attempt });
    expect(farm.finished).toEqual([hash]);
    expect(await farm.redis.zcard('wrtfarm:leases')).toBe(0);
  });

  test('and that is put back after that, by who did not see it yet, is final too', async () => {
    const hash = await farm.submit();
    const copy = await farm.copies.of(hash);
    await farm.finish(await begun());
    await farm.redis.flushall();
    if (copy) await farm.copies.keep(copy);
    vi.spyOn(farm.artifacts, 'has').mockResolvedValueOnce(false);
    await farm.repairCopies();
    expect(await stateOf(hash)).toBe('failed');
    expect(await farm.copies.count()).toBe(0);
    expect(await farm.redis.zcard('wrtfarm:queued')).toBe(0);
  });

  test('is not called finished to its agent, which says so again', async () => {
    const hash = await farm.submit();
    const lease = await begun();
    const { attempts } = farm.builds;
    const seal = attempts.sealAttempt.bind(attempts);
    vi.spyOn(attempts, 'sealAttempt').mockImplementationOnce(async (...sealed) => {
      const answer = await seal(...sealed);
      await farm.redis.flushall();
      return answer;
    });
    await expect(farm.finish(lease)).rejects.toMatchObject({ code: 'unavailable' });
    await farm.finish(lease);
    expect(await stateOf(hash)).toBe('failed');
  });

  test('has not failed because its files were dropped with it', async () => {
    const hash = await farm.submit();
    const lease = await begun();
    vi.spyOn(farm.artifacts, 'makePermanent').mockImplementationOnce(async () => {
      await farm.redis.flushall();
      throw new FarmError('not_found', 'image.bin is gone');
    });
    await expect(farm.finish(lease)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await farm.artifacts.newest(hash)).toBeUndefined();
  });
});

describe('a final build that Redis lost', () => {
  const DAY_MS = 86_400_000;

  test.each([-DAY_MS, 0, DAY_MS])(
    'is answered from its files where the clock is %i ms wrong',
    async (wrongMs) => {
      const hash = await farm.submit();
      const lease = await begun();
      await farm.finish(lease);
      await farm.redis.flushall();
      farm.clockErrorMs = wrongMs;
      const found = await farm.builds.service.get(hash);
      expect(found).toMatchObject({ state: 'failed', generation: lease.generation });
      const leftMs = await farm.redis.pttl(`wrtfarm:build:${hash}`);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(DEFAULT_LIFETIMES.keepFailedMs);
    },
  );

  describe('once more, while somebody asks for it', () => {
    let request: ResolvedRequest;
    let ended: Lease;

    beforeEach(async ({ task }) => {
      request = requestFor(`asked-for-in-${task.id}`);
      await farm.builds.service.submit(request, () => OWNER);
      ended = await begun();
      await farm.finish(ended);
      await farm.redis.flushall();
    });

    test('is put back once more, right after it was', async () => {
      const { builds, service } = farm.builds;
      const restore = builds.restore.bind(builds);
      vi.spyOn(builds, 'restore').mockImplementationOnce(async (json) => {
        const isRestored = await restore(json);
        await farm.redis.flushall();
        return isRestored;
      });
      expect(await service.submit(request, () => OWNER)).toMatchObject({ generation: ended.generation });
    });

    test('is looked for once more before it is made anew', async () => {
      vi.spyOn(farm.artifacts, 'newest').mockImplementationOnce(async () => {
        await farm.redis.flushall();
        return undefined;
      });
      const found = await farm.builds.service.submit(request, () => OWNER);
      expect(found).toMatchObject({ generation: ended.generation });
    });

    test('and at every moment, is nobody’s to tell of', async () => {
      vi.spyOn(farm.builds.builds, 'get').mockResolvedValue(undefined);
      const asked = farm.builds.service.get(ended.requestHash);
      await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
});

describe('a second copy', () => {
  test('of a build that is over is removed, and the build not made again', async () => {
    const hash = await farm.submit();
    const copy = await farm.copies.of(hash);
    const lease = await begun();
    await farm.finish(lease);
    expect(await farm.copies.of(hash)).toBeUndefined();
    // A server that was killed brings back what was removed.
    if (copy) await farm.copies.keep(copy);
    await farm.redis.flushall();
    expect((await farm.builds.service.get(hash))?.state).toBe('failed');
    await farm.repairCopies();
    expect(await farm.copies.of(hash)).toBeUndefined();
    expect(farm.repairs).toEqual(['removed_copy']);
    expect(farm.finished).toEqual([hash]);
  });

  test('of another generation is not removed with it', async () => {
    const hash = await farm.submit();
    await farm.copies.remove(hash, 'f'.repeat(32));
    expect(await farm.copies.of(hash)).toBeDefined();
  });

  test('that JetStream lost is kept anew', async () => {
    const hash = await farm.submit();
    await farm.submit();
    await begun();
    await farm.repairCopies();
    await farm.nats.wipe();
    await eventually(() => farm.ensureStreams());
    await farm.repairCopies();
    expect(farm.repairs).toEqual(['republished_copy', 'republished_copy']);
    expect(await farm.copies.of(hash)).toMatchObject({ requestHash: hash, owner: OWNER });
  });

  test('that is still on its way is not taken for lost', async () => {
    const hash = await farm.submit();
    const copy = await farm.copies.of(hash);
    await farm.copies.remove(hash, copy?.generation ?? '');
    await farm.redis.zadd('wrtfarm:unpublished', Date.now(), hash);
    await farm.repairCopies();
    expect(farm.repairs).toEqual([]);
    await farm.builds.index.markPublished(hash);
    await farm.repairCopies();
    expect(farm.repairs).toEqual(['republished_copy']);
  });

  test('that JetStream lost is kept anew by a keeper whose clock was set back', async () => {
    let steadyMs = 0;
    let wrongMs = 0;
    const repair = farm.copyRepair({
      ...systemClock,
      now: () => Date.now() + wrongMs,
      steadyMs: () => steadyMs,
    });
    const hash = await farm.submit();
    await repair.step();
    await farm.nats.wipe();
    await eventually(() => farm.ensureStreams());
    wrongMs = -86_400_000;
    steadyMs = 10 * 60_000;
    await repair.step();
    expect(farm.repairs).toEqual(['republished_copy']);
    expect(await farm.copies.of(hash)).toBeDefined();
  });
});

test('a build whose second copy is not kept yet gets one before somebody else is told of it', async () => {
  const request = requestFor('asked-for-by-two');
  await farm.repairCopies();
  farm.jetstream.disconnected();
  const { requestHash } = await farm.builds.service.submit(request, () => OWNER);
  farm.jetstream.reconnected();
  expect(await farm.copies.of(requestHash)).toBeUndefined();
  await farm.builds.service.submit(request, () => OPERATOR);
  expect(await farm.copies.of(requestHash)).toMatchObject({ owner: OWNER });
});

test('Redis is not whole for what was compared in a life before', async () => {
  const { index } = farm.builds;
  const life = await index.life();
  expect(await index.life()).toBe(life);
  await farm.redis.flushall();
  await index.markWhole(life);
  expect(await index.isWhole()).toBe(false);
  await index.markWhole(await index.life());
  expect(await index.isWhole()).toBe(true);
});

test('Redis is not whole while it cannot be told whether builds are over', async () => {
  const hash = await farm.submit();
  await farm.redis.flushall();
  vi.spyOn(farm.artifacts, 'has').mockRejectedValueOnce(new FarmError('unavailable', 'the disk is away'));
  const repair = farm.copyRepair();
  await expect(repair.step()).rejects.toMatchObject({ code: 'unavailable' });
  expect(await farm.builds.index.isWhole()).toBe(false);
  await farm.repairCopies();
  expect(await stateOf(hash)).toBe('queued');
});

test('while NATS is away, what Redis lost is not told to be unknown', async () => {
  const hash = await farm.submit();
  await farm.redis.flushall();
  farm.jetstream.disconnected();
  await expect(farm.builds.service.get(hash)).rejects.toMatchObject({ code: 'unavailable' });
  await farm.builds.index.markWhole(await farm.builds.index.life());
  expect(await farm.builds.service.get(hash)).toBeUndefined();
  farm.jetstream.reconnected();
  expect(await farm.builds.service.get(hash)).toMatchObject({ state: 'queued' });
});
