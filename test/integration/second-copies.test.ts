import { describe, expect, test, vi } from 'vitest';
import { OPERATOR } from '../../coordinator/builds/build-owner.ts';
import { systemClock } from '../../shared/clock.ts';
import { binDir, newGeneration } from '../../shared/domain/build.ts';
import { FarmError } from '../../shared/errors.ts';
import { acceptedSubject } from '../../shared/messages/subjects.ts';
import { OWNER, requestFor } from '../support/build-farm.ts';
import { eventually } from '../support/eventually.ts';
import { useBuildFarm } from '../support/use-build-farm.ts';

const used = useBuildFarm();

describe('a second copy', () => {
  test('of a build that is over is removed, and the build not made again', async () => {
    const hash = await used.farm.submit();
    const copy = await used.farm.copies.of(hash);
    const lease = await used.farm.begin();
    await used.farm.finish(lease);
    expect(await used.farm.copies.of(hash)).toBeUndefined();
    // A server that was killed brings back what was removed.
    if (copy) await used.farm.copies.keep(copy, async () => undefined);
    await used.farm.redis.flushall();
    expect((await used.farm.builds.service.get(hash))?.state).toBe('failed');
    await used.farm.repairCopies();
    expect(await used.farm.copies.of(hash)).toBeUndefined();
    expect(used.farm.repairs).toEqual(['removed_copy']);
    expect(used.farm.finished).toEqual([hash]);
  });

  test('of another generation is not removed with it', async () => {
    const hash = await used.farm.submit();
    await used.farm.copies.remove(hash, 'f'.repeat(32));
    expect(await used.farm.copies.of(hash)).toBeDefined();
  });

  test("that comes late does not take the place of a later build's", async () => {
    const { service, builds, index } = used.farm.builds;
    const request = requestFor('made-anew-meanwhile');
    const keep = used.farm.copies.keep.bind(used.farm.copies);
    let thaw = (): void => undefined;
    const thawed = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    vi.spyOn(used.farm.copies, 'keep').mockImplementationOnce(async (...late) => {
      await thawed;
      await keep(...late);
    });
    const frozen = service.submit(request, () => OWNER);
    const { requestHash, generation } = await eventually(async () => {
      const [hash = ''] = await index.unpublishedFor(0);
      return (await builds.secondCopy(hash)) ?? Promise.reject(new Error('not yet'));
    });
    await used.farm.keep();
    await used.farm.finish(await used.farm.begin());
    await service.forget(requestHash, generation);
    await used.farm.artifacts.remove({ requestHash, binDir: binDir(requestHash, generation) });
    const later = await service.submit(request, () => OWNER);
    expect(later.generation).not.toBe(generation);
    thaw();
    await frozen;
    await used.farm.redis.flushall();
    expect(await service.get(requestHash)).toMatchObject({ generation: later.generation, state: 'queued' });
  });

  test("takes the place of an earlier build's, of one that nobody can read, and of none", async () => {
    const hash = await used.farm.submit();
    const copy = await used.farm.copies.of(hash);
    if (!copy) throw new Error('there is no copy');
    const inRedis = async () => await used.farm.builds.builds.unfinished(hash);
    const held = async () => (await used.farm.copies.of(hash))?.generation;
    // Clocks may be wrong: of what is unfinished Redis knows.
    const earlier = { ...copy, generation: newGeneration(), acceptedAt: copy.acceptedAt + 60_000 };
    await used.farm.copies.keep(earlier, async () => earlier.generation);
    expect(await held()).toBe(earlier.generation);
    await used.farm.copies.keep(copy, inRedis);
    expect(await held()).toBe(copy.generation);
    await used.farm.copies.keep(earlier, inRedis);
    expect(await held()).toBe(copy.generation);
    await used.farm.jetstream.publish(acceptedSubject(hash), { unreadable: true });
    await used.farm.copies.keep(copy, inRedis);
    expect(await held()).toBe(copy.generation);
    await used.farm.copies.remove(hash, copy.generation);
    await used.farm.copies.keep(copy, inRedis);
    expect(await held()).toBe(copy.generation);
  });

  test('is kept by its time while Redis does not say which build there is', async () => {
    const hash = await used.farm.submit();
    const earlier = await used.farm.copies.of(hash);
    if (!earlier) throw new Error('there is no copy');
    const silent = async () => await Promise.reject(new FarmError('unavailable', 'Redis is away'));
    const later = { ...earlier, generation: newGeneration(), acceptedAt: earlier.acceptedAt + 1 };
    await used.farm.copies.keep(later, silent);
    expect(await used.farm.copies.of(hash)).toEqual(later);
    await used.farm.copies.keep(earlier, silent);
    expect(await used.farm.copies.of(hash)).toEqual(later);
  });

  test('of an earlier build does not hide that the one there is has none', async () => {
    const hash = await used.farm.submit();
    const copy = await used.farm.copies.of(hash);
    // As a coordinator of an older version leaves it, which does not compare.
    await used.farm.jetstream.publish(acceptedSubject(hash), { ...copy, generation: newGeneration() });
    await used.farm.repairCopies();
    expect(await used.farm.copies.of(hash)).toEqual(copy);
    expect(used.farm.repairs).toEqual(['republished_copy']);
  });

  test('that was kept does not answer for that of a later build', async () => {
    const { builds, index } = used.farm.builds;
    const hash = await used.farm.submit();
    await used.farm.redis.zadd('wrtfarm:unpublished', Date.now(), hash);
    await builds.markPublished(hash, newGeneration());
    expect(await index.isUnpublished(hash)).toBe(true);
    await used.farm.redis.zrem('wrtfarm:unpublished', hash);
    // Whoever sent them may have come after those of the later build, and in their place.
    await builds.markPublished(hash, newGeneration());
    expect(await index.isUnpublished(hash)).toBe(true);
    await builds.markPublished(hash, (await builds.unfinished(hash)) ?? '');
    expect(await index.isUnpublished(hash)).toBe(false);
    await used.farm.redis.zadd('wrtfarm:unpublished', Date.now(), 'f'.repeat(64));
    await builds.markPublished('f'.repeat(64), '');
    expect(await index.isUnpublished('f'.repeat(64))).toBe(false);
  });

  test('that JetStream lost is kept anew', async () => {
    const hash = await used.farm.submit();
    await used.farm.submit();
    await used.farm.begin();
    await used.farm.repairCopies();
    await used.farm.nats.wipe();
    await eventually(() => used.farm.ensureStreams());
    await used.farm.repairCopies();
    expect(used.farm.repairs).toEqual(['republished_copy', 'republished_copy']);
    expect(await used.farm.copies.of(hash)).toMatchObject({ requestHash: hash, owner: OWNER });
  });

  test('that is still on its way is not taken for lost', async () => {
    const hash = await used.farm.submit();
    const copy = await used.farm.copies.of(hash);
    await used.farm.copies.remove(hash, copy?.generation ?? '');
    await used.farm.redis.zadd('wrtfarm:unpublished', Date.now(), hash);
    await used.farm.repairCopies();
    expect(used.farm.repairs).toEqual([]);
    await used.farm.builds.builds.markPublished(hash, copy?.generation ?? '');
    await used.farm.repairCopies();
    expect(used.farm.repairs).toEqual(['republished_copy']);
  });

  test('that JetStream lost is kept anew by a keeper whose clock was set back', async () => {
    let steadyMs = 0;
    let wrongMs = 0;
    const repair = used.farm.copyRepair({
      ...systemClock,
      now: () => Date.now() + wrongMs,
      steadyMs: () => steadyMs,
    });
    const hash = await used.farm.submit();
    await repair.step();
    await used.farm.nats.wipe();
    await eventually(() => used.farm.ensureStreams());
    wrongMs = -86_400_000;
    steadyMs = 10 * 60_000;
    await repair.step();
    expect(used.farm.repairs).toEqual(['republished_copy']);
    expect(await used.farm.copies.of(hash)).toBeDefined();
  });
});

test('a build whose second copy is not kept yet gets one before somebody else is told of it', async () => {
  const request = requestFor('asked-for-by-two');
  await used.farm.repairCopies();
  used.farm.jetstream.disconnected();
  const { requestHash } = await used.farm.builds.service.submit(request, () => OWNER);
  used.farm.jetstream.reconnected();
  expect(await used.farm.copies.of(requestHash)).toBeUndefined();
  await used.farm.builds.service.submit(request, () => OPERATOR);
  expect(await used.farm.copies.of(requestHash)).toMatchObject({ owner: OWNER });
});

test('Redis is not whole for what was compared in a life before', async () => {
  const { index } = used.farm.builds;
  const life = await index.life();
  expect(await index.life()).toBe(life);
  await used.farm.redis.flushall();
  await index.markWhole(life);
  expect(await index.isWhole()).toBe(false);
  await index.markWhole(await index.life());
  expect(await index.isWhole()).toBe(true);
});

test('Redis is not whole while it cannot be told whether builds are over', async () => {
  const hash = await used.farm.submit();
  await used.farm.redis.flushall();
  vi.spyOn(used.farm.artifacts, 'has').mockRejectedValueOnce(
    new FarmError('unavailable', 'the disk is away'),
  );
  await used.farm.repairCopies();
  expect(await used.farm.builds.index.isWhole()).toBe(false);
  await used.farm.repairCopies();
  expect(await used.farm.stateOf(hash)).toBe('queued');
});

test('while NATS is away, what Redis lost is not told to be unknown', async () => {
  const hash = await used.farm.submit();
  await used.farm.redis.flushall();
  used.farm.jetstream.disconnected();
  await expect(used.farm.builds.service.get(hash)).rejects.toMatchObject({ code: 'unavailable' });
  await used.farm.builds.index.markWhole(await used.farm.builds.index.life());
  expect(await used.farm.builds.service.get(hash)).toBeUndefined();
  used.farm.jetstream.reconnected();
  expect(await used.farm.builds.service.get(hash)).toMatchObject({ state: 'queued' });
});
