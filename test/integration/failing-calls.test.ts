import { describe, expect, test } from 'vitest';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { atEveryMoment, type Disturbance, failing, insist } from '../support/at-every-moment.ts';
import { contentOf, OWNER, requestFor, resultWith } from '../support/build-farm.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

/*
 * One call to NATS, or to the artifact store, fails during a step: the first one, then the second, and so on; before it did anything,
 * or after it did all and could not say so. Then Redis loses all it had. Whoever was told of a build is still told of it.
 */

const used = useBuildFarm();
let asked = 0;

const STORE = ['held', 'drop', 'makePermanent', 'commit', 'has', 'newest', 'remove'] as const;

const DISTURBED: readonly (readonly [string, () => Disturbance])[] = [
  ['a call to NATS is not made', () => failing(used.farm.jetstream, ['ask'], 'before')],
  ['a call to NATS is made and not answered', () => failing(used.farm.jetstream, ['ask'], 'after')],
  ['a call to the store is not made', () => failing(used.farm.artifacts, STORE, 'before')],
  ['a call to the store is made and not answered', () => failing(used.farm.artifacts, STORE, 'after')],
];

/** Nobody asked for it before. */
function newRequest(): ResolvedRequest {
  asked += 1;
  return requestFor(`package-with-failing-call-${asked}`);
}

async function begun(): Promise<Lease> {
  await used.farm.builds.service.submit(newRequest(), () => OWNER);
  return await used.farm.begin(`agent-${asked}`);
}

async function finished(): Promise<{ readonly request: ResolvedRequest; readonly lease: Lease }> {
  const request = newRequest();
  await used.farm.builds.service.submit(request, () => OWNER);
  const lease = await used.farm.begin(`agent-${asked}`);
  await used.farm.finish(lease);
  return { request, lease };
}

/** What the build of a lease has become; the keeper was there meanwhile. */
async function expectEnd({ requestHash, generation }: Lease, state: string): Promise<void> {
  await used.farm.keep();
  for (const isLost of [false, true]) {
    if (isLost) await used.farm.redis.flushall();
    // As a coordinator tells it that does not remember it.
    expect(await used.farm.another().service.get(requestHash)).toMatchObject({ generation, state });
  }
  expect(await used.farm.copies.of(requestHash)).toBeUndefined();
  await used.farm.endDelays();
  expect(await used.farm.claim('another')).toBeUndefined();
}

describe.each(DISTURBED)('while %s', (_what, disturbance) => {
  test('a build that somebody is told of is not lost', async () => {
    const moments = await atEveryMoment(disturbance(), {
      prepare: async () => newRequest(),
      step: async (request) => await insist(() => used.farm.builds.service.submit(request, () => OWNER)),
      check: async (_request, { requestHash, generation }) => {
        await used.farm.keep();
        await used.farm.redis.flushall();
        expect(await used.farm.builds.service.get(requestHash)).toMatchObject({
          generation,
          state: 'queued',
        });
        await used.farm.endDelays();
        expect(await used.farm.claim(`agent-${asked}`)).toMatchObject({ requestHash, generation });
      },
    });
    expect(moments).toBeGreaterThan(0);
  });

  test.each([
    ['knows', 0],
    ['has forgotten', 1],
  ])('a finished build that Redis %s is not made again', async (which, leastMoments) => {
    const moments = await atEveryMoment(disturbance(), {
      prepare: async () => {
        const prepared = await finished();
        if (which === 'has forgotten') await used.farm.redis.flushall();
        return prepared;
      },
      step: async ({ request }) => await insist(() => used.farm.builds.service.submit(request, () => OWNER)),
      check: async ({ lease }, { generation }) => {
        expect(generation).toBe(lease.generation);
        await expectEnd(lease, 'failed');
      },
    });
    expect(moments).toBeGreaterThanOrEqual(leastMoments);
  });

  test('a build under way that Redis has forgotten is neither unknown nor made anew', async () => {
    const { service } = used.farm.builds;
    const moments = await atEveryMoment(disturbance(), {
      prepare: async () => {
        const request = newRequest();
        const { requestHash, generation } = await service.submit(request, () => OWNER);
        await used.farm.redis.flushall();
        return { request, requestHash, generation };
      },
      step: async ({ request, requestHash, generation }) => {
        expect(await insist(() => service.get(requestHash))).toMatchObject({ generation });
        await used.farm.redis.flushall();
        expect(await insist(() => service.submit(request, () => OWNER))).toMatchObject({ generation });
      },
    });
    expect(moments).toBeGreaterThan(1);
  });

  test('a result is kept once, and its build over', async () => {
    const moments = await atEveryMoment(disturbance(), {
      prepare: async () => {
        const lease = await begun();
        return { lease, image: await used.farm.upload(lease, contentOf(lease)) };
      },
      step: async ({ lease, image }) =>
        await insist(() => used.farm.builds.ends.finish(lease, resultWith(image))),
      check: async ({ lease }) => {
        await expectEnd(lease, 'failed');
        const json = await used.farm.artifacts.newest(lease.requestHash);
        expect(json).toMatchObject({ generation: lease.generation, attempt: lease.attempt });
        expect(used.farm.finished.filter((hash) => hash === lease.requestHash)).toHaveLength(1);
        expect(await used.farm.artifacts.stagedBefore(-1)).not.toContain(attemptKey(lease));
      },
    });
    expect(moments).toBeGreaterThan(0);
  });

  test('a build whose attempt is lost waits for another one', async () => {
    const moments = await atEveryMoment(disturbance(), {
      prepare: begun,
      step: async (lease) => {
        await insist(() => used.farm.builds.ends.lose(lease, 'handed_back', 'its agent stops', { lease }));
      },
      check: async ({ requestHash, generation, attempt }) => {
        await used.farm.keep();
        await used.farm.endDelays();
        const other = await used.farm.claim('another');
        expect(other).toMatchObject({ requestHash, generation });
        expect(other?.attempt).toBeGreaterThan(attempt);
        if (other) await used.farm.finish(other);
      },
    });
    expect(moments).toBeGreaterThan(0);
  });

  test('what an operator is told is cancelled stays so', async () => {
    const control = used.farm.control();
    const moments = await atEveryMoment(disturbance(), {
      prepare: begun,
      step: async ({ requestHash }) => await insist(() => control.cancel(requestHash)),
      check: async (lease) => await expectEnd(lease, 'cancelled'),
    });
    expect(moments).toBeGreaterThan(0);
  });

  test('all that Redis lost is back once it is called whole', async () => {
    const { index, service } = used.farm.builds;
    const moments = await atEveryMoment(disturbance(), {
      prepare: async () => {
        const ended = await finished();
        const copy = await used.farm.copies.of(ended.lease.requestHash);
        expect(copy).toBeUndefined();
        const running = await begun();
        const { requestHash: queued } = await service.submit(newRequest(), () => OWNER);
        await used.farm.redis.flushall();
        return { ended: ended.lease.requestHash, running: running.requestHash, queued };
      },
      step: async ({ ended, running, queued }) => {
        await used.farm.repairCopies().catch(() => undefined);
        if (!(await index.isWhole())) return;
        expect(await used.farm.stateOf(running)).toBe('queued');
        expect(await used.farm.stateOf(queued)).toBe('queued');
        expect(await used.farm.stateOf(ended)).toBeUndefined();
      },
      check: async ({ ended, running, queued }) => {
        await used.farm.repairCopies();
        expect(await index.isWhole()).toBe(true);
        expect(await used.farm.stateOf(running)).toBe('queued');
        expect(await used.farm.stateOf(queued)).toBe('queued');
        expect(await service.get(ended)).toMatchObject({ state: 'failed' });
        await used.farm.reset();
      },
    });
    expect(moments).toBeGreaterThan(0);
  });
});
