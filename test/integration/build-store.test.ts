import { describe, expect, test } from 'vitest';
import type { BuildJson } from '../../coordinator/artifacts/sealed-build.ts';
import { sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import { logKey } from '../../coordinator/builds/keys.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { pull, request } from '../support/stores.ts';
import { useStores } from '../support/use-stores.ts';

const used = useStores();

describe('submit', () => {
  test('two hundred equal requests at once make one build', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => used.stores.submit(request(), 1000)));
    expect(answers.filter((answer) => answer.isNew)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.record.generation)).size).toBe(1);
    expect(await used.stores.waiting.queuedCount()).toBe(1);
  });

  test('positions count what waits for the same builder, from 0', async () => {
    await used.stores.submit(request({ packages: ['a'] }));
    const second = await used.stores.submit(request({ packages: ['b'] }));
    expect(second.record.position).toBe(1);
  });

  test('a full queue refuses a new build and still answers a known one', async () => {
    await used.stores.submit(request(), 1);
    await used.stores.submit(request({ packages: ['last'] }), 1);
    await expect(used.stores.submit(request({ packages: ['other'] }), 1)).rejects.toMatchObject({
      code: 'resource_exhausted',
      details: { queueLength: 2 },
    });
    expect((await used.stores.submit(request(), 1)).isNew).toBe(false);
  });
});

describe('claim', () => {
  test('the first build is granted first, and each once', async () => {
    await used.stores.agents.record(pull({ slots: 5 }));
    const first = await used.stores.submit(request({ packages: ['a'] }));
    const second = await used.stores.submit(request({ packages: ['b'] }));
    expect(await used.stores.claim(pull())).toMatchObject({
      requestHash: first.record.requestHash,
      attempt: 1,
    });
    expect(await used.stores.claim(pull())).toMatchObject({
      requestHash: second.record.requestHash,
      attempt: 1,
    });
    expect(await used.stores.claim(pull())).toBe('empty');
    expect(await used.stores.waiting.waitingSets()).toEqual([]);
  });

  test('an agent gets no more builds than it has slots', async () => {
    await used.stores.agents.record(pull());
    await used.stores.submit(request({ packages: ['a'] }));
    await used.stores.submit(request({ packages: ['b'] }));
    await used.stores.claimed();
    expect(await used.stores.claim()).toBe('busy');
  });

  test('only the newest pull of an agent may be granted a build', async () => {
    await used.stores.agents.record(pull());
    await used.stores.agents.record(pull({ sequence: 2 }));
    await used.stores.submit();
    expect(await used.stores.claim(pull({ sequence: 1 }))).toBe('superseded');
    expect(await used.stores.claim(pull({ sequence: 2, session: 'b'.repeat(32) }))).toBe('superseded');
  });

  test('a builder with other bytes than the build is pinned to does not serve it', async () => {
    await used.stores.agents.record(pull());
    await used.stores.submit();
    expect(await used.stores.claim(pull(), 'e'.repeat(64))).toBe('ineligible');
  });
});

describe('the end of a build', () => {
  async function sealedBuild(): Promise<{ lease: Lease; json: BuildJson }> {
    await used.stores.agents.record(pull());
    const { record: build } = await used.stores.submit();
    const lease = await used.stores.claimed();
    await used.stores.attempts.openAttempt(lease, 'stream');
    await used.stores.attempts.appendLog(lease, 0, Buffer.from('made'), 100);
    const sealed = { ...sealFarmFailure(build, 'x'), outcome: 'done' as const, isCacheable: true };
    await used.stores.attempts.sealAttempt(lease, sealed);
    await used.stores.attempts.sealAttempt(lease, sealed);
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
    expect(await used.stores.attempts.openAttempt(lease, 'stream')).toEqual({ status: 'ended' });
  });

  test('leaves its log in Redis to those who are reading it, not for longer', async () => {
    const { lease, json } = await sealedBuild();
    expect(await used.stores.redis.pttl(logKey(attemptKey(lease)))).toBeGreaterThan(300_000);
    await used.stores.builds.finish(json);
    expect(Buffer.concat([...(await used.stores.attempts.readLog(lease, 0))]).toString()).toBe('made');
    const leftMs = await used.stores.redis.pttl(logKey(attemptKey(lease)));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(300_000);
  });

  test('happens once, keeps the answer, and frees the slot', async () => {
    const { lease, json } = await sealedBuild();
    expect(await used.stores.builds.finish(json)).toBe(true);
    expect(await used.stores.builds.finish(json)).toBe(false);
    expect(await used.stores.record(lease.requestHash)).toMatchObject({ state: 'done', answer: json.answer });
    await used.stores.submit(request({ packages: ['next'] }));
    expect(await used.stores.claim()).toMatchObject({ attempt: 1 });
  });

  test('cannot be another one afterwards: the error names both states', async () => {
    const { json } = await sealedBuild();
    await used.stores.builds.finish(json);
    await expect(used.stores.builds.finish({ ...json, outcome: 'failed' })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('from done to failed'),
    });
  });

  test('with a builder that is outdated by now is not the answer for who did not pin the revision', async () => {
    const { lease, json } = await sealedBuild();
    await used.stores.builds.finish(json);
    const anew = await used.stores.submit(request({}, 'e'.repeat(64)), 10);
    expect(anew.isNew).toBe(true);
    expect(anew.record.generation).not.toBe(lease.generation);
  });

  test('can be put back from build.json after Redis lost it', async () => {
    const { json } = await sealedBuild();
    await used.stores.builds.finish(json);
    await used.stores.redis.flushall();
    await used.stores.builds.restore({ ...json, expiresAt: Date.now() + 60_000 });
    expect(await used.stores.record(json.requestHash)).toMatchObject({ state: 'done', answer: json.answer });
    expect(await used.stores.redis.pttl(`wrtfarm:build:${json.requestHash}`)).toBeGreaterThan(50_000);
  });

  test('is not put back when it has expired', async () => {
    const { json } = await sealedBuild();
    await used.stores.builds.finish(json);
    await used.stores.redis.flushall();
    await used.stores.builds.restore({ ...json, expiresAt: Date.now() - 1 });
    expect(await used.stores.builds.get(json.requestHash)).toBeUndefined();
  });
});
