import { Command } from 'ioredis';
import { describe, expect, test, vi } from 'vitest';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { atEveryMoment, type Disturbance, insist } from '../support/at-every-moment.ts';
import { OWNER, requestFor } from '../support/build-farm.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

/*
 * Redis is emptied before the first command of a step, before the second, and so on: no moment may make a build twice, or lose one that
 * somebody was told of.
 */

const used = useBuildFarm();
let asked = 0;

/** Empties Redis right before a command. */
const emptied: Disturbance = (moment) => {
  const send = used.farm.redis.sendCommand.bind(used.farm.redis);
  let sent = 0;
  vi.spyOn(used.farm.redis, 'sendCommand').mockImplementation((...command) => {
    if (sent === moment) send(new Command('flushall'));
    sent += 1;
    return send(...command);
  });
  return () => sent;
};

/** Nobody asked for it before. */
function newRequest(): ResolvedRequest {
  asked += 1;
  return requestFor(`package-at-moment-${asked}`);
}

async function begun(request: ResolvedRequest): Promise<Lease> {
  await used.farm.builds.service.submit(request, () => OWNER);
  await used.farm.endDelays();
  return await used.farm.begin(`agent-${asked}`);
}

describe('a finished build', () => {
  const prepare = async () => {
    const request = newRequest();
    const lease = await begun(request);
    await used.farm.finish(lease);
    return { request, lease };
  };

  test.each(['knows', 'has forgotten'])('that Redis %s is answered to who asks for it', async (which) => {
    const moments = await atEveryMoment(emptied, {
      prepare: async () => {
        const prepared = await prepare();
        if (which === 'has forgotten') await used.farm.redis.flushall();
        return prepared;
      },
      step: async ({ request, lease: { generation } }) => {
        const found = await insist(() => used.farm.builds.service.submit(request, () => OWNER));
        expect(found).toMatchObject({ generation, state: 'failed' });
      },
      check: async ({ lease }) => {
        expect(await used.farm.builds.service.get(lease.requestHash)).toMatchObject({
          generation: lease.generation,
        });
      },
    });
    expect(moments).toBeGreaterThan(0);
  });

  test('is never unknown to who asks about it', async () => {
    await atEveryMoment(emptied, {
      prepare,
      step: async ({ lease: { requestHash, generation } }) => {
        const found = await insist(() => used.farm.builds.service.get(requestHash));
        expect(found).toMatchObject({ generation, state: 'failed' });
      },
    });
  });
});

test('a build that somebody was told of is there, and is the one he was told of', async () => {
  const moments = await atEveryMoment(emptied, {
    prepare: async () => newRequest(),
    step: async (request) => await insist(() => used.farm.builds.service.submit(request, () => OWNER)),
    check: async (_request, { requestHash: hash, generation }) => {
      expect(await used.farm.builds.service.get(hash)).toMatchObject({ generation, state: 'queued' });
      await used.farm.redis.flushall();
      expect(await used.farm.builds.service.get(hash)).toMatchObject({ generation, state: 'queued' });
    },
  });
  expect(moments).toBeGreaterThan(3);
});

test('a build made anew is there, although the copy of the cancelled one before it stands and seems to be later', async () => {
  const { service } = used.farm.builds;
  const control = used.farm.control();
  const moments = await atEveryMoment(emptied, {
    prepare: async () => {
      const request = newRequest();
      const { requestHash } = await service.submit(request, () => OWNER);
      const copy = await used.farm.copies.of(requestHash);
      await control.cancel(requestHash);
      // nats-server brought it back, and the clock of Redis was set back.
      if (copy) {
        const seeming = { ...copy, acceptedAt: copy.acceptedAt + 3_600_000 };
        await used.farm.copies.keep(seeming, async () => undefined);
      }
      return request;
    },
    step: async (request) => await insist(() => service.submit(request, () => OWNER)),
    check: async (_request, { requestHash, generation }) => {
      await used.farm.redis.flushall();
      expect(await service.get(requestHash)).toMatchObject({ generation, state: 'queued' });
    },
  });
  expect(moments).toBeGreaterThan(3);
});

test('an attempt goes on, or its build waits for another one', async () => {
  const { attempts, service } = used.farm.builds;
  const moments = await atEveryMoment(emptied, {
    prepare: async () => await begun(newRequest()),
    step: async (lease) => {
      await insist(() => attempts.openAttempt(lease, 'again'));
      await insist(() => attempts.appendLog(lease, 0, Buffer.from('one\n'), 100));
      await insist(() => attempts.renewLease(lease));
    },
    check: async (lease) => {
      await used.farm.repairCopies();
      await used.farm.endDelays();
      const other = await used.farm.claim('another');
      await insist(() => used.farm.finish(other ?? lease));
      expect(await service.get(lease.requestHash)).toMatchObject({
        state: 'failed',
        generation: lease.generation,
      });
      expect(await used.farm.redis.zcard('wrtfarm:queued')).toBe(0);
      expect(await used.farm.redis.exists('wrtfarm:client-tags', 'wrtfarm:client-waiting')).toBe(0);
    },
  });
  expect(moments).toBeGreaterThan(2);
});

test('a result is kept once, and nobody makes it again', async () => {
  const moments = await atEveryMoment(emptied, {
    prepare: async () => await begun(newRequest()),
    step: async (lease) => {
      await insist(() => used.farm.finish(lease)).catch((thrown: unknown) => {
        // It is over, and its agent was not told so.
        if (!hasCode(thrown, 'lease_lost')) throw thrown;
      });
    },
    check: async ({ requestHash, generation, attempt }) => {
      await used.farm.repairCopies();
      await used.farm.endDelays();
      expect(await used.farm.claim('another')).toBeUndefined();
      expect(await used.farm.builds.service.get(requestHash)).toMatchObject({
        state: 'failed',
        generation,
        attempt,
      });
      expect((await used.farm.artifacts.newest(requestHash))?.attempt).toBe(attempt);
      expect(await used.farm.redis.zcard('wrtfarm:queued')).toBe(0);
      expect(await used.farm.redis.zcard('wrtfarm:leases')).toBe(0);
      expect(await used.farm.redis.exists('wrtfarm:client-tags', 'wrtfarm:client-waiting')).toBe(0);
    },
  });
  expect(moments).toBeGreaterThan(5);
});

test('what an operator was told is cancelled stays so', async () => {
  const control = used.farm.control();
  await atEveryMoment(emptied, {
    prepare: async () => await begun(newRequest()),
    step: async ({ requestHash }) => {
      await insist(() => control.cancel(requestHash));
    },
    check: async ({ requestHash, generation }) => {
      await used.farm.repairCopies();
      await used.farm.endDelays();
      expect(await used.farm.claim('another')).toBeUndefined();
      expect(await used.farm.builds.service.get(requestHash)).toMatchObject({
        state: 'cancelled',
        generation,
      });
    },
  });
});

describe('a build that Redis loses while it is ended', () => {
  test('and that is put back before its build.json is written is final by it', async () => {
    const hash = await used.farm.submit();
    const lease = await used.farm.begin();
    const commit = used.farm.artifacts.commit.bind(used.farm.artifacts);
    vi.spyOn(used.farm.artifacts, 'commit').mockImplementationOnce(async (json) => {
      await used.farm.redis.flushall();
      await used.farm.builds.attempts.renewLease(lease);
      return await commit(json);
    });
    await used.farm.finish(lease);
    expect(used.farm.repairs).toContain('adopted_attempt');
    expect(await used.farm.builds.builds.get(hash)).toMatchObject({
      state: 'failed',
      attempt: lease.attempt,
    });
    expect(used.farm.finished).toEqual([hash]);
    expect(await used.farm.redis.zcard('wrtfarm:leases')).toBe(0);
  });

  test('and that is put back after that, by who did not see it yet, is final too', async () => {
    const hash = await used.farm.submit();
    const copy = await used.farm.copies.of(hash);
    await used.farm.finish(await used.farm.begin());
    await used.farm.redis.flushall();
    if (copy) await used.farm.copies.keep(copy, async () => undefined);
    vi.spyOn(used.farm.artifacts, 'has').mockResolvedValueOnce(false);
    await used.farm.repairCopies();
    expect(await used.farm.stateOf(hash)).toBe('failed');
    expect(await used.farm.copies.count()).toBe(0);
    expect(await used.farm.redis.zcard('wrtfarm:queued')).toBe(0);
  });

  test('is not called finished to its agent, which says so again', async () => {
    const hash = await used.farm.submit();
    const lease = await used.farm.begin();
    const { attempts } = used.farm.builds;
    const seal = attempts.sealAttempt.bind(attempts);
    vi.spyOn(attempts, 'sealAttempt').mockImplementationOnce(async (...sealed) => {
      const answer = await seal(...sealed);
      await used.farm.redis.flushall();
      return answer;
    });
    await expect(used.farm.finish(lease)).rejects.toMatchObject({ code: 'unavailable' });
    await used.farm.finish(lease);
    expect(await used.farm.stateOf(hash)).toBe('failed');
  });

  test('has not failed because its files were dropped with it', async () => {
    const hash = await used.farm.submit();
    const lease = await used.farm.begin();
    vi.spyOn(used.farm.artifacts, 'makePermanent').mockImplementationOnce(async () => {
      await used.farm.redis.flushall();
      throw new FarmError('not_found', 'image.bin is gone');
    });
    await expect(used.farm.finish(lease)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await used.farm.artifacts.newest(hash)).toBeUndefined();
  });
});
