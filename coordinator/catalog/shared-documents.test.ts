import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { silentLog } from '../../shared/log.ts';
import { type DocumentKind, Documents } from './documents.ts';
import { RedisDocuments } from './redis-documents.ts';
import { createTestClock, type TestClock } from './test-clock.test.support.ts';
import { startTinyRedis, type TinyRedis } from './tiny-redis.test.support.ts';
import { startTinyUpstream, type TinyUpstream } from './tiny-upstream.test.support.ts';

const KIND: DocumentKind<{ v: number }> = {
  parse: (bytes) => JSON.parse(bytes.toString()) as { v: number },
  maxBytes: 100_000,
};
const PATH = 'doc.json';

describe('documents that replicas share', () => {
  let redis: TinyRedis;
  let upstream: TinyUpstream;
  let clock: TestClock;
  let replicas: readonly Documents[];

  beforeEach(async () => {
    redis = await startTinyRedis();
    upstream = await startTinyUpstream();
    clock = createTestClock();
    replicas = [open(), open(), open()];
    upstream.files.set(PATH, '{"v":1}');
  });

  afterEach(async () => {
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  function open(config: ConstructorParameters<typeof RedisDocuments>[2] = {}): Documents {
    return new Documents(
      { clock, log: silentLog, shared: new RedisDocuments(redis.client, silentLog, config) },
      {
        upstream: upstream.url,
        freshMs: 60_000,
        releaseFreshMs: 3_600_000,
        limits: { idleMs: 300, totalMs: 2_000 },
        patienceMs: 200,
      },
    );
  }

  const readAll = () => Promise.all(replicas.map((replica) => replica.read(KIND, PATH)));

  test('one replica fetches, the others find it', async () => {
    expect(await readAll()).toEqual([{ v: 1 }, { v: 1 }, { v: 1 }]);
    expect(upstream.requests).toEqual([`200 ${PATH}`]);
  });

  test('a document upstream does not have is known to all', async () => {
    for (const replica of replicas) expect(await replica.read(KIND, 'none.json')).toBeUndefined();
    expect(upstream.requests).toEqual(['404 none.json']);
  });

  test('what one replica has confirmed the others need not ask for, and new bytes reach them', async () => {
    await readAll();
    clock.advance(60_000);
    // Redis’ clock has hardly moved, so what lies there is still fresh.
    await readAll();
    expect(upstream.requests).toHaveLength(1);
    upstream.files.set(PATH, '{"v":2}');
    expect(await replicas[0]?.read(KIND, PATH, { maxAgeMs: 0 })).toEqual({ v: 2 });
    clock.advance(60_000);
    expect(await replicas[1]?.read(KIND, PATH)).toEqual({ v: 2 });
    expect(upstream.requests.filter((each) => each.startsWith('200'))).toHaveLength(2);
  });

  test('a replica that starts while upstream is down serves the farm’s copy, and says so', async () => {
    await replicas[0]?.read(KIND, PATH);
    for (const trouble of [{ status: 500, text: '' }, 'hang'] as const) {
      upstream.troubles.set('*', trouble);
      await using fresh = open();
      expect(await fresh.read(KIND, PATH, { maxAgeMs: 0 })).toEqual({ v: 1 });
      await expect
        .poll(async () => {
          await fresh.read(KIND, PATH, { maxAgeMs: 0 });
          return fresh.failing().old;
        })
        .toBe(1);
    }
  });

  test('without Redis each replica fetches for itself', async () => {
    redis.client.disconnect();
    expect(await readAll()).toEqual([{ v: 1 }, { v: 1 }, { v: 1 }]);
    expect(upstream.requests).toHaveLength(3);
  });

  test('a fetch that another replica began and did not finish is taken over', async () => {
    await using documents = open();
    const shared = new RedisDocuments(redis.client, silentLog);
    await using held = await shared.claim(`${upstream.url}/${PATH}`, 300);
    expect(held).toBeDefined();
    expect(await documents.read(KIND, PATH)).toEqual({ v: 1 });
  });

  test('a release’s target is asked about seldom, but anew once its sums are others', async () => {
    const profiles = 'releases/24.10.4/targets/x86/64/profiles.json';
    const sums = 'releases/24.10.4/targets/x86/64/sha256sums';
    upstream.files.set(profiles, '{"v":1}');
    upstream.files.set(sums, `${'1'.repeat(64)} *profiles.json\n`);
    await using documents = new Documents(
      { clock, log: silentLog },
      { upstream: upstream.url, freshMs: 60_000, releaseFreshMs: 3_600_000 },
    );
    await documents.read(KIND, profiles);
    clock.advance(120_000);
    await documents.read(KIND, profiles);
    expect(upstream.requests.toSorted()).toEqual([`200 ${profiles}`, `200 ${sums}`, `304 ${sums}`]);
    upstream.files.set(profiles, '{"v":2}');
    upstream.files.set(sums, `${'2'.repeat(64)} *profiles.json\n`);
    clock.advance(120_000);
    expect(await documents.read(KIND, profiles)).toEqual({ v: 2 });
  });

  test('all documents together are bounded: those checked least recently go first', async () => {
    const shared = new RedisDocuments(redis.client, silentLog, { maxBytes: 2_000 });
    const copy = (tag: string) => ({
      tag,
      validators: { etag: undefined, lastModified: undefined },
      // Not to be compressed away.
      bytes: Buffer.concat(
        Array.from({ length: 25 }, (_, at) => Buffer.from(sha256Hex(`${tag}${at}`), 'hex')),
      ),
    });
    for (const url of ['a', 'b', 'c', 'd']) await shared.keep(url, copy(url));
    expect(await shared.look('a')).toBeUndefined();
    expect(await shared.bytes('d', 'd')).toEqual(copy('d').bytes);
    expect(await shared.bytes('d', 'other')).toBeUndefined();
    const total = Number(await redis.client.hget('wrtfarm:document-sizes', ''));
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(2_000);
    await shared.keep('d', { ...copy('d'), tag: 'e' });
    expect(await shared.look('d')).toMatchObject({ tag: 'e', changedMs: expect.any(Number) });
    expect(Number(await redis.client.hget('wrtfarm:document-sizes', ''))).toBe(total);
  });

  test('a document too large to share is left to each replica', async () => {
    const shared = new RedisDocuments(redis.client, silentLog, { maxDocumentBytes: 10 });
    const bytes = Buffer.from('not even compressed is this below ten bytes');
    await shared.keep('a', { tag: 'a', validators: { etag: undefined, lastModified: undefined }, bytes });
    expect(await shared.look('a')).toBeUndefined();
  });
});
