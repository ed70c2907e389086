import { Command } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { BuildControl } from '../../coordinator/builds/build-control.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { hasCode } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import { BuildFarm, OWNER, requestFor } from '../support/build-farm.ts';

/*
 * Redis is emptied before the first command of a step, before the second, and so on: no moment may make a build twice, or lose one that
 * somebody was told of.
 */

/** More than any step has; a step that is not over by then fails its test. */
const MOST_COMMANDS = 60;

let farm: BuildFarm;
let asked = 0;

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

/** Takes a step once for each of its commands, with Redis emptied right before that one, from a farm that was prepared anew. */
async function atEveryMoment<T>(
  prepare: () => Promise<T>,
  step: (prepared: T) => Promise<void>,
  check: (prepared: T) => Promise<void>,
): Promise<number> {
  for (let moment = 0; moment < MOST_COMMANDS; moment += 1) {
    const prepared = await prepare();
    const sent = emptyBefore(moment);
    await step(prepared);
    vi.restoreAllMocks();
    await check(prepared);
    if (sent() <= moment) return moment;
  }
  throw new Error('the step does not end');
}

/** Empties Redis right before the command of this number; tells how many were sent. */
function emptyBefore(moment: number): () => number {
  const send = farm.redis.sendCommand.bind(farm.redis);
  let sent = 0;
  vi.spyOn(farm.redis, 'sendCommand').mockImplementation((...command) => {
    if (sent === moment) send(new Command('flushall'));
    sent += 1;
    return send(...command);
  });
  return () => sent;
}

/** Does what fails because Redis does not know what it should until it is done, as clients and agents do. */
async function insist<T>(step: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await step();
    } catch (thrown) {
      if (tries === 3 || !hasCode(thrown, 'unavailable')) throw thrown;
    }
  }
}

/** Nobody asked for it before. */
function newRequest(): ResolvedRequest {
  asked += 1;
  return requestFor(`package-at-moment-${asked}`);
}

async function begun(request: ResolvedRequest): Promise<Lease> {
  await farm.builds.service.submit(request, () => OWNER);
  await farm.endDelays();
  const lease = await farm.claim(`agent-${asked}`);
  if (!lease) throw new Error('nothing waits');
  await farm.builds.attempts.openAttempt(lease, 'stream');
  return lease;
}

describe('a finished build', () => {
  const prepare = async () => {
    const request = newRequest();
    const lease = await begun(request);
    await farm.finish(lease);
    return { request, lease };
  };

  test.each(['knows', 'has forgotten'])('that Redis %s is answered to who asks for it', async (which) => {
    const moments = await atEveryMoment(
      async () => {
        const prepared = await prepare();
        if (which === 'has forgotten') await farm.redis.flushall();
        return prepared;
      },
      async ({ request, lease: { generation } }) => {
        const found = await insist(() => farm.builds.service.submit(request, () => OWNER));
        expect(found).toMatchObject({ generation, state: 'failed' });
      },
      async ({ lease }) => {
        expect(await farm.builds.service.get(lease.requestHash)).toMatchObject({
          generation: lease.generation,
        });
      },
    );
    expect(moments).toBeGreaterThan(0);
  });

  test('is never unknown to who asks about it', async () => {
    await atEveryMoment(
      prepare,
      async ({ lease: { requestHash, generation } }) => {
        const found = await insist(() => farm.builds.service.get(requestHash));
        expect(found).toMatchObject({ generation, state: 'failed' });
      },
      async () => undefined,
    );
  });
});

test('a build that somebody was told of is there, and is the one he was told of', async () => {
  const told = new Map<ResolvedRequest, string>();
  const moments = await atEveryMoment(
    async () => newRequest(),
    async (request) => {
      const record = await insist(() => farm.builds.service.submit(request, () => OWNER));
      told.set(request, `${record.requestHash} ${record.generation}`);
    },
    async (request) => {
      const [hash = '', generation] = told.get(request)?.split(' ') ?? [];
      expect(await farm.builds.service.get(hash)).toMatchObject({ generation, state: 'queued' });
      await farm.redis.flushall();
      expect(await farm.builds.service.get(hash)).toMatchObject({ generation, state: 'queued' });
    },
  );
  expect(moments).toBeGreaterThan(3);
});

test('an attempt goes on, or its build waits for another one', async () => {
  const { attempts, service } = farm.builds;
  const moments = await atEveryMoment(
    async () => await begun(newRequest()),
    async (lease) => {
      await insist(() => attempts.openAttempt(lease, 'again'));
      await insist(() => attempts.appendLog(lease, 0, Buffer.from('one\n'), 100));
      await insist(() => attempts.renewLease(lease));
    },
    async (lease) => {
      await farm.repairCopies();
      await farm.endDelays();
      const other = await farm.claim('another');
      await insist(() => farm.finish(other ?? lease));
      expect(await service.get(lease.requestHash)).toMatchObject({
        state: 'failed',
        generation: lease.generation,
      });
      expect(await farm.redis.zcard('wrtfarm:queued')).toBe(0);
      expect(await farm.redis.exists('wrtfarm:client-tags', 'wrtfarm:client-waiting')).toBe(0);
    },
  );
  expect(moments).toBeGreaterThan(2);
});

test('a result is kept once, and nobody makes it again', async () => {
  const moments = await atEveryMoment(
    async () => await begun(newRequest()),
    async (lease) => {
      await insist(() => farm.finish(lease)).catch((thrown: unknown) => {
        // It is over, and its agent was not told so.
        if (!hasCode(thrown, 'lease_lost')) throw thrown;
      });
    },
    async ({ requestHash, generation, attempt }) => {
      await farm.repairCopies();
      await farm.endDelays();
      expect(await farm.claim('another')).toBeUndefined();
      expect(await farm.builds.service.get(requestHash)).toMatchObject({
        state: 'failed',
        generation,
        attempt,
      });
      expect((await farm.artifacts.newest(requestHash))?.attempt).toBe(attempt);
      expect(await farm.redis.zcard('wrtfarm:queued')).toBe(0);
      expect(await farm.redis.zcard('wrtfarm:leases')).toBe(0);
      expect(await farm.redis.exists('wrtfarm:client-tags', 'wrtfarm:client-waiting')).toBe(0);
    },
  );
  expect(moments).toBeGreaterThan(5);
});

test('what an operator was told is cancelled stays so', async () => {
  const { artifacts } = farm;
  const queue = { wakeAgent: () => undefined };
  const control = new BuildControl({ ...farm.builds, artifacts, queue, log: silentLog });
  await atEveryMoment(
    async () => await begun(newRequest()),
    async ({ requestHash }) => {
      await insist(() => control.cancel(requestHash));
    },
    async ({ requestHash, generation }) => {
      await farm.repairCopies();
      await farm.endDelays();
      expect(await farm.claim('another')).toBeUndefined();
      expect(await farm.builds.service.get(requestHash)).toMatchObject({ state: 'cancelled', generation });
    },
  );
});
