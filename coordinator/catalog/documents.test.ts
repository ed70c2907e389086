import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../shared/log.ts';
import { type DocumentKind, Documents } from './documents.ts';
import { createTestClock, type TestClock } from './test-clock.test.support.ts';
import { startTinyUpstream, type TinyUpstream, type Trouble } from './tiny-upstream.test.support.ts';

const JSON_KIND: DocumentKind<{ v: number }> = {
  parse: (bytes) => JSON.parse(bytes.toString()) as { v: number },
  maxBytes: 1000,
};
const PATH = 'doc.json';

describe('documents', () => {
  let upstream: TinyUpstream;
  let clock: TestClock;
  let documents: Documents;

  beforeEach(async () => {
    upstream = await startTinyUpstream();
    clock = createTestClock();
    documents = open({});
    upstream.files.set(PATH, '{"v":1}');
  });

  afterEach(async () => {
    await documents[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  function open(config: { readonly maxCachedBytes?: number }): Documents {
    return new Documents(
      { clock, log: silentLog },
      {
        upstream: `${upstream.url}/`,
        freshMs: 60_000,
        limits: { idleMs: 500, totalMs: 2_000 },
        patienceMs: 50,
        ...config,
      },
    );
  }

  test('many readers at once cost one request, and fresh ones none', async () => {
    const read = await Promise.all(Array.from({ length: 20 }, () => documents.read(JSON_KIND, PATH)));
    expect(new Set(read).size).toBe(1);
    clock.advance(59_999);
    expect(await documents.read(JSON_KIND, PATH)).toEqual({ v: 1 });
    expect(upstream.requests).toEqual([`200 ${PATH}`]);
  });

  test('an old copy is asked for conditionally and kept when unchanged', async () => {
    const first = await documents.read(JSON_KIND, PATH);
    clock.advance(60_000);
    expect(await documents.read(JSON_KIND, PATH)).toBe(first);
    upstream.files.set(PATH, '{"v":2}');
    clock.advance(60_000);
    expect(await documents.read(JSON_KIND, PATH)).toEqual({ v: 2 });
    expect(upstream.requests).toEqual([`200 ${PATH}`, `304 ${PATH}`, `200 ${PATH}`]);
  });

  const troubles: readonly (readonly [string, Trouble])[] = [
    ['answers 500', { status: 500, text: '{"v":9}' }],
    ['sends a page', { status: 200, text: '<html>welcome</html>' }],
    ['sends half a document', 'truncated'],
    ['hangs', 'hang'],
    ['sends too much', { status: 200, text: ' '.repeat(2000) }],
  ];
  test.each(troubles)('the last good copy is served while upstream %s', async (_what, trouble) => {
    await documents.read(JSON_KIND, PATH);
    expect(documents.failing()).toEqual({ old: 0, absent: 0 });
    clock.advance(60_000);
    upstream.troubles.set(PATH, trouble);
    expect(await documents.read(JSON_KIND, PATH)).toEqual({ v: 1 });
    await expect
      .poll(() => documents.read(JSON_KIND, PATH).then(() => documents.failing()))
      .toEqual({ old: 1, absent: 0 });
    upstream.troubles.clear();
    upstream.files.set(PATH, '{"v":2}');
    clock.advance(60_000);
    // A reader waits for upstream, but not long.
    await expect.poll(() => documents.read(JSON_KIND, PATH)).toEqual({ v: 2 });
    expect(documents.failing()).toEqual({ old: 0, absent: 0 });
  });

  test.each(troubles)(
    'with nothing cached, an upstream that %s is unavailable by name',
    async (_what, trouble) => {
      upstream.troubles.set('*', trouble);
      await expect(documents.read(JSON_KIND, PATH)).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining(PATH),
        details: { document: PATH },
      });
    },
  );

  test('a failing upstream is left alone for a while', async () => {
    upstream.troubles.set('*', { status: 500, text: '' });
    for (let times = 0; times < 5; times += 1) {
      await expect(documents.read(JSON_KIND, PATH)).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(upstream.requests).toHaveLength(1);
    clock.advance(5_000);
    upstream.troubles.clear();
    expect(await documents.read(JSON_KIND, PATH)).toEqual({ v: 1 });
  });

  test('while upstream is slow nobody who has an old copy waits for it more than once', async () => {
    const paths = Array.from({ length: 8 }, (_, at) => `doc-${at}.json`);
    for (const path of paths) {
      upstream.files.set(path, '{"v":1}');
      await documents.read(JSON_KIND, path);
    }
    clock.advance(60_000);
    upstream.troubles.set('*', 'hang');
    const waitsBefore = clock.sleeps;
    for (const path of paths) expect(await documents.read(JSON_KIND, path)).toEqual({ v: 1 });
    expect(clock.sleeps - waitsBefore).toBe(1);
    await expect.poll(() => documents.failing()).toEqual({ old: 8, absent: 0 });
    upstream.troubles.clear();
    clock.advance(60_000);
    for (const path of paths) await documents.read(JSON_KIND, path);
    expect(documents.failing()).toEqual({ old: 0, absent: 0 });
  });

  test('a document that is held does not wait for sums that hang', async () => {
    const folder = 'releases/24.10.4/targets/x86/64';
    upstream.files.set(`${folder}/profiles.json`, '{"v":1}');
    upstream.troubles.set(`${folder}/sha256sums`, 'hang');
    await documents.read(JSON_KIND, `${folder}/profiles.json`);
    const waitsBefore = clock.sleeps;
    for (let times = 0; times < 5; times += 1) {
      expect(await documents.read(JSON_KIND, `${folder}/profiles.json`)).toEqual({ v: 1 });
    }
    expect(clock.sleeps - waitsBefore).toBeLessThanOrEqual(1);
  });

  test('what upstream does not have is asked for again within seconds', async () => {
    expect(await documents.read(JSON_KIND, 'late.json')).toBeUndefined();
    upstream.files.set('late.json', '{"v":3}');
    clock.advance(9_999);
    expect(await documents.read(JSON_KIND, 'late.json')).toBeUndefined();
    clock.advance(1);
    expect(await documents.read(JSON_KIND, 'late.json')).toEqual({ v: 3 });
  });

  test('a release’s document that upstream denies all at once is kept for ten minutes, and said to be failing', async () => {
    const path = 'releases/24.10.4/targets/x86/64/profiles.json';
    upstream.files.set(path, '{"v":1}');
    await documents.read(JSON_KIND, path);
    upstream.files.delete(path);
    clock.advance(60_000);
    expect(await documents.read(JSON_KIND, path)).toEqual({ v: 1 });
    expect(documents.failing().old).toBe(1);
    clock.advance(10 * 60_000);
    expect(await documents.read(JSON_KIND, path)).toBeUndefined();
  });

  test('thousands of documents that are not there do not stay in memory', async () => {
    await using small = open({ maxCachedBytes: 100 * 2_048 });
    const paths = Array.from({ length: 300 }, (_, at) => `none-${at}.json`);
    for (const path of paths) await small.read(JSON_KIND, path);
    const before = upstream.requests.length;
    for (const path of paths.slice(-100)) await small.read(JSON_KIND, path);
    expect(upstream.requests).toHaveLength(before);
    for (const path of paths.slice(0, 100)) await small.read(JSON_KIND, path);
    expect(upstream.requests).toHaveLength(before + 100);
  });

  test('a document upstream does not have is undefined, unless it is required', async () => {
    expect(await documents.read(JSON_KIND, 'none.json')).toBeUndefined();
    await expect(documents.read({ ...JSON_KIND, isRequired: true }, 'other.json')).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  test('what was not used for longest is forgotten when the cache is full', async () => {
    await using small = open({ maxCachedBytes: 2 * 2_048 });
    for (const path of ['a', 'b', 'c']) upstream.files.set(path, '{"v":1}');
    await small.read(JSON_KIND, 'a');
    await small.read(JSON_KIND, 'b');
    await small.read(JSON_KIND, 'a');
    await small.read(JSON_KIND, 'c');
    await small.read(JSON_KIND, 'a');
    expect(upstream.requests).toEqual(['200 a', '200 b', '200 c']);
    await small.read(JSON_KIND, 'b');
    expect(upstream.requests).toEqual(['200 a', '200 b', '200 c', '200 b']);
  });

  test('closing does not wait for a hanging upstream', async () => {
    upstream.troubles.set('*', 'hang');
    const reading = documents.read(JSON_KIND, PATH);
    await Promise.all([
      expect(reading).rejects.toMatchObject({ code: 'unavailable' }),
      documents[Symbol.asyncDispose](),
    ]);
  });
});
