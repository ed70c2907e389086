import { describe, expect, test, vi } from 'vitest';
import { OPERATOR } from '../../coordinator/builds/build-owner.ts';
import { systemClock } from '../../shared/clock.ts';
import { FarmError } from '../../shared/errors.ts';
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
    if (copy) await used.farm.copies.keep(copy);
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
    await used.farm.builds.index.markPublished(hash);
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
  const repair = used.farm.copyRepair();
  await expect(repair.step()).rejects.toMatchObject({ code: 'unavailable' });
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
