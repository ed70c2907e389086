import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { DEFAULT_LIFETIMES } from '../../coordinator/builds/final-answer.ts';
import { binDir, newGeneration } from '../../shared/domain/build.ts';
import { attemptKey, type Lease, leaseToken } from '../../shared/domain/lease.ts';
import { contentOf, OWNER, requestFor, resultWith } from '../support/build-farm.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

const used = useBuildFarm();

describe('an unfinished build that Redis lost', () => {
  test('is put back for whoever asks, as the same build on the same account', async () => {
    const hash = await used.farm.submit();
    const before = await used.farm.builds.builds.get(hash);
    await used.farm.redis.flushall();
    const after = await used.farm.builds.service.get(hash);
    expect(after).toMatchObject({ ...before, etaMs: after?.etaMs, position: after?.position });
    expect(await used.farm.builds.builds.secondCopy(hash)).toMatchObject({ owner: OWNER });
  });

  test('is put back by the keeper, with all others, and built in the order they came in', async () => {
    const hashes = [await used.farm.submit(), await used.farm.submit(), await used.farm.submit()];
    await used.farm.redis.flushall();
    expect(await used.farm.builds.index.isWhole()).toBe(false);
    await used.farm.repairCopies();
    expect(used.farm.repairs).toEqual(['restored_build', 'restored_build', 'restored_build']);
    expect(await used.farm.builds.index.isWhole()).toBe(true);
    await used.farm.endDelays();
    const claimed = [await used.farm.begin(), await used.farm.begin(), await used.farm.begin()].map(
      ({ requestHash }) => requestHash,
    );
    expect(new Set(claimed)).toEqual(new Set(hashes));
  });

  test('is held back first, so that the agent that makes it may say so', async () => {
    await used.farm.submit();
    await used.farm.redis.flushall();
    await used.farm.repairCopies();
    expect(await used.farm.claim('attic')).toBeUndefined();
    await used.farm.endDelays();
    expect(await used.farm.claim('attic')).toBeDefined();
  });

  test('is put back also where an earlier image of the same builder lies that is past its time', async () => {
    const hash = await used.farm.submit();
    const accepted = await used.farm.builds.builds.get(hash);
    if (!accepted) throw new Error('the build is there');
    const past = { acceptedAt: 1, finishedAt: 2, expiresAt: 3, keepMs: 1, attempt: 1 };
    const sealed = { artifacts: [], attemptKey: null, agentId: null, answer: {}, isCacheable: true };
    const { lane, source, spec, client } = accepted;
    await used.farm.artifacts.commit({
      ...{ version: 1, requestHash: hash, generation: newGeneration(), outcome: 'done' },
      ...{ lane, source, spec, client },
      ...past,
      ...sealed,
    });
    await used.farm.redis.flushall();
    await used.farm.repairCopies();
    expect(await used.farm.builds.builds.get(hash)).toMatchObject({
      state: 'queued',
      generation: accepted.generation,
    });
  });

  test('never gets a number of an attempt a second time', async () => {
    await used.farm.submit();
    const first = await used.farm.begin();
    await used.farm.redis.flushall();
    await used.farm.repairCopies();
    await used.farm.endDelays();
    expect((await used.farm.begin()).attempt).toBeGreaterThan(first.attempt);
  });
});

describe('an attempt that Redis lost', () => {
  test('goes on: its lease proves itself', async () => {
    const hash = await used.farm.submit();
    const lease = await used.farm.begin();
    await used.farm.redis.flushall();
    await used.farm.builds.attempts.renewLease(lease);
    expect(await used.farm.stateOf(hash)).toBe('running');
    expect(used.farm.repairs).toEqual(['restored_build', 'adopted_attempt']);
    expect(await used.farm.claim('cellar')).toBeUndefined();
  });

  test('does not when the lease was invented', async () => {
    await used.farm.submit();
    const lease = await used.farm.begin();
    await used.farm.redis.flushall();
    const other = { ...lease, agentId: 'thief' };
    const forged = { ...other, token: leaseToken(Buffer.alloc(32, 1), other, 'thief', 'a'.repeat(32)) };
    for (const bad of [other, forged])
      await expect(used.farm.builds.attempts.renewLease(bad)).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('does not once its build was granted anew', async () => {
    await used.farm.submit();
    const old = await used.farm.begin();
    await used.farm.redis.flushall();
    await used.farm.repairCopies();
    await used.farm.endDelays();
    const fresh = await used.farm.begin('cellar');
    await expect(used.farm.builds.attempts.renewLease(old)).rejects.toMatchObject({ code: 'lease_lost' });
    await used.farm.builds.attempts.renewLease(fresh);
  });

  test('does not take a build over that was never lost', async () => {
    await used.farm.submit();
    const old = await used.farm.begin();
    await used.farm.builds.ends.lose(old, 'handed_back', 'the agent stops', { lease: old });
    await expect(used.farm.builds.attempts.renewLease(old)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await used.farm.stateOf(old.requestHash)).toBe('queued');
  });

  test('sends its log again from the beginning', async () => {
    await used.farm.submit();
    const lease = await used.farm.begin();
    await used.farm.builds.attempts.appendLog(lease, 0, Buffer.from('one\n'), 100);
    await used.farm.redis.flushall();
    expect(await used.farm.builds.attempts.appendLog(lease, 1, Buffer.from('two\n'), 100)).toBe(0);
    expect(await used.farm.builds.attempts.openAttempt(lease, 'again')).toEqual({
      status: 'open',
      nextLogSequence: 0,
    });
  });

  test('that had just ended makes its build final, once', async () => {
    const hash = await used.farm.submit();
    const lease = await used.farm.begin();
    const image = await used.farm.upload(lease, contentOf(lease));
    await used.farm.redis.flushall();
    await used.farm.builds.ends.finish(lease, resultWith(image));
    await expect(used.farm.builds.ends.finish(lease, resultWith(image))).resolves.toBeUndefined();
    expect(await used.farm.stateOf(hash)).toBe('failed');
    expect(used.farm.finished).toEqual([hash]);
  });

  test('that won leaves its files, whoever makes the build after Redis was lost once more', async () => {
    const hash = await used.farm.submit();
    const first = await used.farm.begin();
    const image = await used.farm.upload(first, contentOf(first));
    // Its coordinator died between the files and `build.json`.
    await used.farm.artifacts.makePermanent(attemptKey(first), binDir(hash, first.generation), [image]);
    await used.farm.redis.flushall();
    await used.farm.repairCopies();
    await used.farm.endDelays();
    const second = await used.farm.begin('cellar');
    await used.farm.finish(second);
    const served = await used.farm.artifacts.find(hash, 'image.bin');
    expect(served && (await text(served.read()))).toBe(contentOf(second));
  });
});

describe('a final build that Redis lost', () => {
  const DAY_MS = 86_400_000;

  test.each([-DAY_MS, 0, DAY_MS])(
    'is answered from its files where the clock is %i ms wrong',
    async (wrongMs) => {
      const hash = await used.farm.submit();
      const lease = await used.farm.begin();
      await used.farm.finish(lease);
      await used.farm.redis.flushall();
      used.farm.clockErrorMs = wrongMs;
      const found = await used.farm.builds.service.get(hash);
      expect(found).toMatchObject({ state: 'failed', generation: lease.generation });
      const leftMs = await used.farm.redis.pttl(`wrtfarm:build:${hash}`);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(DEFAULT_LIFETIMES.keepFailedMs);
    },
  );

  describe('once more, while somebody asks for it', () => {
    let request: ResolvedRequest;
    let ended: Lease;

    beforeEach(async ({ task }) => {
      request = requestFor(`asked-for-in-${task.id}`);
      await used.farm.builds.service.submit(request, () => OWNER);
      ended = await used.farm.begin();
      await used.farm.finish(ended);
      await used.farm.redis.flushall();
    });

    test('is put back once more, right after it was', async () => {
      const { builds, service } = used.farm.builds;
      const restore = builds.restore.bind(builds);
      vi.spyOn(builds, 'restore').mockImplementationOnce(async (json) => {
        const isRestored = await restore(json);
        await used.farm.redis.flushall();
        return isRestored;
      });
      expect(await service.submit(request, () => OWNER)).toMatchObject({ generation: ended.generation });
    });

    test('is looked for once more before it is made anew', async () => {
      vi.spyOn(used.farm.artifacts, 'newest').mockImplementationOnce(async () => {
        await used.farm.redis.flushall();
        return undefined;
      });
      const found = await used.farm.builds.service.submit(request, () => OWNER);
      expect(found).toMatchObject({ generation: ended.generation });
    });

    test('and at every moment, is nobody’s to tell of', async () => {
      vi.spyOn(used.farm.builds.builds, 'get').mockResolvedValue(undefined);
      const asked = used.farm.builds.service.get(ended.requestHash);
      await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
});
