import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import { KeeperLock } from '../../coordinator/keeper/keeper-lock.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { pull, TIMES } from '../support/stores.ts';
import { useStores } from '../support/use-stores.ts';

const used = useStores();

/** The term of a keeper that has the lock now. */
async function termOf(keeper: string): Promise<string> {
  return (await new KeeperLock(used.stores.redis, keeper, 60_000).hold()) ?? 'none';
}

/** A running attempt, and the keeper of a term that finds its lease among those that ended. */
async function expiring(): Promise<{ lease: Lease; expire: (term: string) => Promise<string> }> {
  const lease = await used.stores.granted();
  await used.stores.attempts.openAttempt(lease, 'stream');
  return {
    lease,
    expire: async (expiredInTerm) => (await used.stores.lose(lease, { expiredInTerm })).status,
  };
}

describe('an attempt', () => {
  test('keeps log chunks in order, each once, and tells which it wants next', async () => {
    const lease = await used.stores.granted();
    expect(await used.stores.attempts.openAttempt(lease, 'stream')).toEqual({
      status: 'open',
      nextLogSequence: 0,
    });
    expect(await used.stores.attempts.appendLog(lease, 0, Buffer.from('a'), 100)).toBe(1);
    expect(await used.stores.attempts.appendLog(lease, 0, Buffer.from('again'), 100)).toBe(1);
    expect(await used.stores.attempts.appendLog(lease, 5, Buffer.from('gap'), 100)).toBe(1);
    expect(await used.stores.attempts.appendLog(lease, 1, Buffer.from('b'), 100)).toBe(2);
    expect(Buffer.concat([...(await used.stores.attempts.readLog(lease, 0))]).toString()).toBe('ab');
    await expect(used.stores.attempts.appendLog(lease, 2, randomBytes(200), 100)).rejects.toMatchObject({
      code: 'resource_exhausted',
    });
  });

  test('that was lost can write nothing any more, and its build is granted again with the next number', async () => {
    await used.stores.agents.record(pull({ slots: 2 }));
    const { record: build } = await used.stores.submit();
    const stale = await used.stores.claimed();
    await used.stores.attempts.openAttempt(stale, 'stream');
    expect(await used.stores.lose(stale)).toMatchObject({
      status: 'queued',
      lane: 'open',
      builder: builderToken(build.source),
    });
    expect((await used.stores.record(build.requestHash)).state).toBe('queued');
    const fresh = await used.stores.claimed();
    expect(fresh.attempt).toBe(2);

    const sealed = sealFarmFailure(build, 'x');
    for (const write of [
      () => used.stores.attempts.renewLease(stale),
      () => used.stores.attempts.reachStage(stale, 'building_image'),
      () => used.stores.attempts.appendLog(stale, 0, Buffer.from('x'), 100),
      () => used.stores.attempts.requireCurrent(stale),
      () => used.stores.attempts.sealAttempt(stale, sealed),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'lease_lost' });
    }
    expect(await used.stores.attempts.openAttempt(stale, 'stream')).toEqual({ status: 'lost' });
    expect(await used.stores.lose(stale)).toMatchObject({ status: 'current' });
    await used.stores.attempts.openAttempt(fresh, 'stream');
    expect((await used.stores.record(build.requestHash)).state).toBe('running');
  });

  test('whose lease was renewed meanwhile is not lost to its expiry', async () => {
    const { lease, expire } = await expiring();
    expect(await expire(await termOf('keeper-1'))).toBe('current');
    await used.stores.attempts.renewLease(lease);
  });

  test('whose lease ended is lost to the keeper, and not to one that was replaced', async () => {
    const { lease, expire } = await expiring();
    await used.stores.redis.zadd('wrtfarm:leases', 0, attemptKey(lease));
    const old = await termOf('keeper-1');
    await used.stores.redis.del('wrtfarm:keeper-lock');
    const current = await termOf('keeper-2');
    expect(await expire(old)).toBe('current');
    await used.stores.attempts.requireCurrent(lease);
    expect(await expire(current)).toBe('queued');
    await expect(used.stores.attempts.requireCurrent(lease)).rejects.toMatchObject({ code: 'lease_lost' });
  });

  test('what is due since the clock of Redis went back is due at once, not when its old time comes again', async () => {
    const { requestHash } = (await used.stores.submit()).record;
    for (const name of ['unpublished', 'unpurged', 'publishing'])
      await used.stores.redis.zadd(`wrtfarm:${name}`, Date.now() + 3_600_000, requestHash);
    expect(await used.stores.attempts.mendTimes()).toBe(3);
    expect(await used.stores.attempts.mendTimes()).toBe(0);
    for (const name of ['unpublished', 'unpurged', 'publishing'])
      expect(Number(await used.stores.redis.zscore(`wrtfarm:${name}`, requestHash))).toBeLessThanOrEqual(
        Date.now(),
      );
  });

  test('does not last for an hour more because the clock of Redis went back by one', async () => {
    const { lease } = await expiring();
    const [seconds] = await used.stores.redis.time();
    await used.stores.redis.zadd('wrtfarm:leases', Number(seconds) * 1000 + 3_600_000, attemptKey(lease));
    expect(await used.stores.attempts.mendTimes()).toBe(1);
    const ends = Number(await used.stores.redis.zscore('wrtfarm:leases', attemptKey(lease)));
    expect(ends).toBeLessThanOrEqual(
      Number((await used.stores.redis.time())[0]) * 1000 + 1_000 + TIMES.leaseMs,
    );
    expect(await used.stores.attempts.mendTimes()).toBe(0);
  });

  test('that no stream took up is not counted, one that was lost three times fails its build', async () => {
    await used.stores.agents.record(pull({ slots: 5 }));
    const { record: build } = await used.stores.submit();
    expect(await used.stores.lose(await used.stores.claimed())).toMatchObject({
      status: 'queued',
      isCounted: false,
    });
    for (const expected of ['queued', 'delayed', 'exhausted']) {
      const lease = await used.stores.claimed();
      await used.stores.attempts.openAttempt(lease, 'stream');
      expect(await used.stores.lose(lease)).toMatchObject({ status: expected, isCounted: true });
      if (expected === 'delayed') {
        expect(await used.stores.waiting.releaseDelayed()).toEqual([]);
        await used.stores.redis.zadd('wrtfarm:delayed', 0, build.requestHash);
        expect(await used.stores.waiting.releaseDelayed()).toMatchObject([
          { requestHash: build.requestHash, attempt: 3 },
        ]);
      }
    }
    expect((await used.stores.record(build.requestHash)).state).toBe('publishing');
    expect(await used.stores.builds.troubles(build.requestHash)).toEqual(['feed', 'feed', 'feed']);
  });

  test('is not granted to the agent that just lost it', async () => {
    const lease = await used.stores.granted();
    await used.stores.attempts.openAttempt(lease, 'stream');
    await used.stores.lose(lease, { lease, avoidMs: 60_000 });
    expect(await used.stores.claim()).toBe('ineligible');
    const other = pull({ agentId: 'agent-2' });
    await used.stores.agents.record(other);
    expect(await used.stores.claim(other)).toMatchObject({ agentId: 'agent-2' });
  });
});

describe('what keeps an attempt from hanging', () => {
  test('a grant that nobody takes up five times in a row counts as a loss, and is not given again at once', async () => {
    await used.stores.agents.record(pull({ slots: 5 }));
    const { record: build } = await used.stores.submit();
    const answers: { status: string; isCounted?: boolean }[] = [];
    for (let round = 0; round < 5; round += 1) {
      answers.push(await used.stores.lose(await used.stores.claimed(), { isCounted: false }));
      await used.stores.redis.zadd('wrtfarm:delayed', 'XX', 0, build.requestHash);
      await used.stores.waiting.releaseDelayed();
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
    const lease = await used.stores.granted();
    await used.stores.attempts.openAttempt(lease, 'stream');
    const key = `wrtfarm:attempt:${lease.requestHash}.${lease.generation}.1`;
    await used.stores.redis.hset(key, 'startedAt', Date.now() - TIMES.attemptMs - 1_000);
    await expect(used.stores.attempts.renewLease(lease)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await used.stores.attempts.openAttempt(lease, 'stream')).toEqual({ status: 'lost' });
  });

  test('the late end of an old stream leaves the lease of the new one alone', async () => {
    const lease = await used.stores.granted();
    await used.stores.attempts.openAttempt(lease, 'old');
    await used.stores.attempts.openAttempt(lease, 'new');
    const key = `${lease.requestHash}.${lease.generation}.1`;
    const before = await used.stores.redis.zscore('wrtfarm:leases', key);
    await used.stores.attempts.startGrace(lease, 'old');
    expect(await used.stores.redis.zscore('wrtfarm:leases', key)).toBe(before);
    await used.stores.attempts.startGrace(lease, 'new');
    expect(Number(await used.stores.redis.zscore('wrtfarm:leases', key))).toBeLessThan(Number(before));
  });
});
