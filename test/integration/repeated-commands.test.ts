import { describe, expect, test, vi } from 'vitest';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { sealCancelled } from '../../coordinator/builds/final-answer.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { atEveryMoment, type Disturbance, type DisturbedStep } from '../support/at-every-moment.ts';
import { OWNER, requestFor } from '../support/build-farm.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

/*
 * A client of Redis whose connection breaks sends again what was not answered, and Redis may have done it: one script of a step is run
 * twice, and only its second answer is heard. Nothing may be done twice for that, nor be left undone.
 */

const used = useBuildFarm();
let asked = 0;

/** @param between what happens before it is sent again. */
const repeated =
  (between: () => Promise<unknown>): Disturbance =>
  (moment) => {
    const run = used.farm.redis.evalsha.bind(used.farm.redis) as (...args: unknown[]) => Promise<unknown>;
    let made = 0;
    const twice = async (...args: unknown[]): Promise<unknown> => {
      const isTheOne = made === moment;
      made += 1;
      if (isTheOne) {
        await run(...args);
        await between();
      }
      return await run(...args);
    };
    vi.spyOn(used.farm.redis, 'evalsha').mockImplementation(twice as typeof used.farm.redis.evalsha);
    return () => made;
  };

/** As `atEveryMoment`, with scripts that Redis knows already: of one that it does not know the first call does nothing. */
async function atEveryRepeat<T, R>(
  step: DisturbedStep<T, R>,
  between: () => Promise<unknown> = async () => undefined,
): Promise<number> {
  const prepare = async (): Promise<T> => {
    await used.farm.reset();
    return await step.prepare();
  };
  await step.step(await prepare());
  return await atEveryMoment(repeated(between), { ...step, prepare });
}

function newRequest(): ResolvedRequest {
  asked += 1;
  return requestFor(`package-asked-for-twice-${asked}`);
}

async function begun(): Promise<Lease> {
  await used.farm.builds.service.submit(newRequest(), () => OWNER);
  return await used.farm.begin(`agent-${asked}`);
}

test('a build is made once', async () => {
  const moments = await atEveryRepeat({
    prepare: async () => newRequest(),
    step: async (request) => await used.farm.builds.service.submit(request, () => OWNER),
    check: async (_request, { requestHash, generation }) => {
      expect(await used.farm.copies.of(requestHash)).toMatchObject({ generation, owner: OWNER });
      expect(used.farm.requested.at(-1)).toBe('new');
      expect(await used.farm.claim(`agent-${asked}`)).toMatchObject({ requestHash, generation, attempt: 1 });
      expect(await used.farm.claim(`agent-${asked}`)).toBeUndefined();
    },
  });
  expect(moments).toBeGreaterThan(0);
});

test('a pull is given one build, and is told of it', async () => {
  const moments = await atEveryRepeat({
    prepare: async () => {
      await used.farm.submit();
      await used.farm.submit();
    },
    step: async () => await used.farm.claim('agent'),
    check: async (_prepared, lease) => {
      expect(lease).toMatchObject({ attempt: 1 });
      expect(await used.farm.redis.zcard('wrtfarm:leases')).toBe(1);
      expect(await used.farm.redis.zcard('wrtfarm:queued')).toBe(1);
      await used.farm.builds.attempts.openAttempt(lease as Lease, 'stream');
    },
  });
  expect(moments).toBeGreaterThan(1);
});

test('a log has each line once, and a result is kept once', async () => {
  const { attempts } = used.farm.builds;
  const moments = await atEveryRepeat({
    prepare: begun,
    step: async (lease) => {
      await attempts.openAttempt(lease, 'again');
      await attempts.appendLog(lease, 0, Buffer.from('one\n'), 100);
      await attempts.appendLog(lease, 1, Buffer.from('two\n'), 100);
      await attempts.renewLease(lease);
      expect(Buffer.concat(await attempts.readLog(lease, 0)).toString()).toBe('one\ntwo\n');
      await used.farm.finish(lease);
    },
    check: async ({ requestHash }) => {
      expect(await used.farm.stateOf(requestHash)).toBe('failed');
      expect(used.farm.finished.filter((hash) => hash === requestHash)).toHaveLength(1);
    },
  });
  expect(moments).toBeGreaterThan(4);
});

test('an attempt is lost once, and its build waits with a job', async () => {
  const moments = await atEveryRepeat({
    prepare: begun,
    step: async (lease) =>
      await used.farm.builds.ends.lose(lease, 'broken', 'its disk is full', { lease, breakage: 'disk' }),
    check: async ({ requestHash, attempt }, isLost) => {
      expect(isLost).toBe(true);
      expect(await used.farm.builds.builds.troubles(requestHash)).toHaveLength(1);
      await used.farm.endDelays();
      expect(await used.farm.claim('another')).toMatchObject({ requestHash, attempt: attempt + 1 });
    },
  });
  expect(moments).toBeGreaterThan(0);
});

test('a build is cancelled once', async () => {
  const control = used.farm.control();
  const moments = await atEveryRepeat({
    prepare: begun,
    step: async ({ requestHash }) => await control.cancel(requestHash),
    check: async ({ requestHash }) => expect(await used.farm.stateOf(requestHash)).toBe('cancelled'),
  });
  expect(moments).toBeGreaterThan(0);
});

describe('is answered as it was the first time', () => {
  test('that a build can be made by nobody', async () => {
    const moments = await atEveryRepeat({
      prepare: async () => await used.farm.submit(),
      step: async (hash) => {
        const record = await used.farm.builds.builds.get(hash);
        if (!record) throw new Error('there is no build');
        return await used.farm.builds.builds.abandon(record, sealCancelled(record));
      },
      check: async (_hash, isAbandoned) => expect(isAbandoned).toBe(true),
    });
    expect(moments).toBe(1);
  });

  test('that a build is put first', async () => {
    const moments = await atEveryRepeat(
      {
        prepare: async () => await used.farm.submit(),
        step: async (hash) => await used.farm.builds.builds.prioritise(hash),
        check: async (_hash, isFirst) => expect(isFirst).toBe(true),
      },
      // An agent has it before that is told.
      () => used.farm.claim('agent'),
    );
    expect(moments).toBeGreaterThan(0);
  });

  test('that an agent is to fetch a builder', async () => {
    const moments = await atEveryRepeat({
      prepare: async () => undefined,
      step: async () =>
        await used.farm.builds.agents.planWarm('agent', 'builder', { seenFetches: 0, maxFetches: 8 }),
      check: async (_prepared, isPlanned) => expect(isPlanned).toBe(true),
    });
    expect(moments).toBe(1);
  });

  test('which builds wait no longer than they had to', async () => {
    const moments = await atEveryRepeat({
      prepare: async () => {
        const hash = await used.farm.submit();
        await used.farm.redis.flushall();
        await used.farm.repairCopies();
        await used.farm.redis.zadd('wrtfarm:delayed', 0, hash);
        return hash;
      },
      step: async () => await used.farm.builds.waiting.releaseDelayed(),
      check: async (hash, released) => expect(released).toMatchObject([{ requestHash: hash }]),
    });
    expect(moments).toBe(1);
  });

  test('that a build, and its attempt, are put back', async () => {
    const moments = await atEveryRepeat({
      prepare: async () => {
        await used.farm.submit();
        const lease = await used.farm.begin();
        await used.farm.redis.flushall();
        return lease;
      },
      step: async (lease) => await used.farm.builds.recovery.attempt(lease),
      check: async (_lease, isAdopted) => {
        expect(isAdopted).toBe(true);
        expect(used.farm.repairs).toEqual(['restored_build', 'adopted_attempt']);
      },
    });
    expect(moments).toBeGreaterThan(1);
  });
});
