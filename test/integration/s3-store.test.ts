import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  artifact,
  attempt,
  buildJson,
  chunks,
  contentOf,
  finish,
  folder,
  requestHash,
  stage,
} from '../../coordinator/artifacts/artifact-store.test.support.ts';
import type { S3Store } from '../../coordinator/artifacts/s3/s3-store.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import { openTestS3Store } from '../support/open-s3-store.ts';
import { startS3, type TestS3 } from '../support/servers/start-s3.ts';

/* What holds for a bucket only; what holds for every store is in artifact-stores.test.ts. */

let opened: Disposers;
let s3: TestS3;
let store: S3Store;
let here: string;
beforeEach(async () => {
  opened = new Disposers();
  s3 = opened.use('S3', await startS3());
  const first = opened.use('store', await openTestS3Store(s3));
  store = first.store;
  here = first.folder;
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
});

/** Files on this coordinator's own disk. */
async function filesHere(): Promise<readonly string[]> {
  const found = await readdir(here, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a large file', () => {
  const bytes = randomBytes(40 * 1024 ** 2);
  const image = artifact('image.bin', bytes);
  const parts = (): readonly string[] => s3.requests.filter((request) => request.includes('partNumber='));

  test('goes up in parts, is served by ranges of them, and leaves nothing where it came in', async () => {
    await store.write(attempt, image, 0, chunks(bytes));
    expect(parts()).toHaveLength(3);
    expect(s3.objects.uploads.size).toBe(0);
    expect(await filesHere()).toEqual([]);
    await store.makePermanent(attempt, folder, [image]);
    await store.commit(buildJson({ artifacts: [image] }));
    const file = await store.find(folder, 'image.bin');
    if (!file) throw new Error('image.bin is not found');
    expect(sha256Hex(await buffer(file.read()))).toBe(image.sha256);
    const range = { start: 16 * 1024 ** 2 - 5, end: 16 * 1024 ** 2 + 4 };
    expect(await buffer(file.read(range))).toEqual(bytes.subarray(range.start, range.end + 1));
  });

  test.each(['cut', 503] as const)(
    'a part of which is answered by %s goes up all the same',
    async (fault) => {
      let faults = 0;
      s3.fault = ({ query }) => (query.get('partNumber') === '2' && faults++ === 0 ? fault : undefined);
      expect(await store.write(attempt, image, 0, chunks(bytes))).toMatchObject({ isComplete: true });
      expect(parts().filter((request) => request.includes('partNumber=2'))).toHaveLength(2);
      expect(parts()).toHaveLength(4);
      const key = `staging/${attempt}/${image.sha256}`;
      expect(sha256Hex(s3.objects.get(key).bytes)).toBe(image.sha256);
    },
  );

  test('that the bucket does not take is given up there, stays here, and goes up without coming in again', async () => {
    s3.fault = ({ query }) => (query.get('partNumber') === '3' ? 503 : undefined);
    await expect(store.write(attempt, image, 0, chunks(bytes))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(s3.objects.uploads.size).toBe(0);
    expect(await store.held(attempt, image)).toEqual({ heldBytes: image.sizeBytes, isComplete: false });
    s3.fault = undefined;
    expect(await store.write(attempt, image, image.sizeBytes, chunks())).toMatchObject({ isComplete: true });
  });

  test('whose coordinator died is found by its attempt, and its parts are given up with that', async () => {
    const upload = s3.objects.begin(`staging/${attempt}/${image.sha256}`);
    s3.objects.putPart(upload.key, upload.id, 1, bytes);
    expect(await store.stagedBefore(-1)).toEqual([attempt]);
    expect(await store.stagedBefore(60_000)).toEqual([]);
    await store.drop(attempt);
    expect(s3.objects.uploads.size).toBe(0);
    expect(await store.stagedBefore(-1)).toEqual([]);
  });
});

test('bytes that changed on disk after they were verified do not get into the bucket, and come in anew', async () => {
  const image = artifact('image.bin', 'the image');
  s3.fault = ({ method }) => (method === 'PUT' ? 503 : undefined);
  await expect(store.write(attempt, image, 0, chunks('the image'))).rejects.toMatchObject({
    code: 'unavailable',
  });
  s3.fault = undefined;
  const [path = ''] = await filesHere();
  expect(await readFile(path, 'utf8')).toBe('the image');
  await writeFile(path, 'THE IMAGE');
  await expect(store.write(attempt, image, 9, chunks())).rejects.toMatchObject({
    cause: { name: 'XAmzContentSHA256Mismatch' },
  });
  expect(await store.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  expect(await store.write(attempt, image, 0, chunks('the image'))).toMatchObject({ isComplete: true });
});

test('an upload that another coordinator goes on with begins that file anew', async () => {
  const image = artifact('image.bin', 'the image');
  await store.write(attempt, image, 0, chunks('the '));
  const { store: other } = opened.use('other store', await openTestS3Store(s3));
  expect(await other.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  await other.write(attempt, image, 0, chunks('the image'));
  await store.drop(attempt);
  expect(await filesHere()).toEqual([]);
});

describe('a download', () => {
  const reads = (): number => s3.requests.filter((request) => request.startsWith('GET files/')).length;

  test('that breaks goes on where it stopped', async () => {
    await finish(store, { 'image.bin': 'the image' });
    const faults = [{ cutAfterBytes: 4 }, 503, 'cut'] as const;
    s3.fault = ({ key, method }) =>
      key.startsWith('files/') && method === 'GET' ? faults[reads() - 1] : undefined;
    expect(await contentOf(store, folder, 'image.bin')).toBe('the image');
    expect(reads()).toBe(4);
  });

  test('that brings nothing again and again ends with what to do', async () => {
    await finish(store, { 'image.bin': 'the image' });
    const file = await store.find(folder, 'image.bin');
    s3.fault = () => 'cut';
    if (!file) throw new Error('image.bin is not found');
    await expect(buffer(file.read())).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('WRTFARM_S3_ENDPOINT'),
    });
  });

  test('that nobody reads asks for nothing, and one that is left ends', async () => {
    await finish(store, { 'image.bin': 'the image' });
    const file = await store.find(folder, 'image.bin');
    const left = file?.read();
    left?.destroy();
    expect(reads()).toBe(0);
  });
});

test('of many that commit at once one wins, and all are told the same', async () => {
  const stores = [store];
  for (const each of [1, 2, 3]) stores.push(opened.use(`store ${each}`, await openTestS3Store(s3)).store);
  const standing = await Promise.all(
    stores.map((each, index) => each.commit(buildJson({ answer: { winner: index } }))),
  );
  expect(new Set(standing.map((json) => JSON.stringify(json))).size).toBe(1);
});

test('a bucket that does not answer is no proof that something is gone', async () => {
  const json = await finish(store, { 'image.bin': 'the image' });
  s3.fault = () => 503;
  const asked = [
    store.find(folder, 'image.bin'),
    store.has(folder),
    store.newest(requestHash),
    store.kept(),
    store.held(attempt, artifact('image.bin', 'the image')),
    store.makePermanent(attempt, folder, json.artifacts),
    store.commit(json),
    store.stagedBefore(-1),
    store.drop(attempt),
  ];
  for (const { status, reason } of (await Promise.allSettled(asked)) as PromiseRejectedResult[]) {
    expect([status, reason?.code]).toEqual(['rejected', 'unavailable']);
  }
});

test('a bucket that fails is told once, with what to do, and so is its coming back', async () => {
  const told: unknown[] = [];
  const log = {
    warn: (...words: unknown[]) => told.push(words),
    info: (...words: unknown[]) => told.push(words),
  };
  const { store: telling } = opened.use('store', await openTestS3Store(s3, {}, log as unknown as Log));
  expect(await telling.has(folder)).toBe(false);
  expect(told).toEqual([]);
  s3.fault = () => 503;
  for (const _each of [1, 2])
    await expect(telling.has(folder)).rejects.toMatchObject({ code: 'unavailable' });
  s3.fault = undefined;
  for (const _each of [1, 2]) await telling.newest(requestHash);
  const reason = expect.stringContaining('WRTFARM_S3_ENDPOINT');
  expect(told).toEqual([
    [{ reason }, 'the artifact store fails'],
    [{}, 'the artifact store answers again'],
  ]);
});

test('a request that fails once is made again', async () => {
  await finish(store, { 'image.bin': 'the image' });
  const failed = new Set<string>();
  s3.fault = ({ method, key }) => {
    if (failed.has(method + key)) return undefined;
    failed.add(method + key);
    return 503;
  };
  expect(await store.newest(requestHash)).toMatchObject({ requestHash });
  expect(failed.size).toBe(2);
});

test('files without a build are removed once they are old', async () => {
  const artifacts = [await stage(store, 'image.bin', 'the image')];
  await store.makePermanent(attempt, folder, artifacts);
  await store.removeUnused(60_000);
  expect(s3.objects.keys('files/')).toHaveLength(1);
  await store.removeUnused(-1);
  expect(s3.objects.keys('files/')).toEqual([]);
});

test('what two attempts called the same stays apart', async () => {
  const first = [await stage(store, 'image.bin', 'of the first')];
  await store.makePermanent(attempt, folder, first);
  const second = [await stage(store, 'image.bin', 'of the second')];
  await store.makePermanent(attempt, folder, second);
  await store.commit(buildJson({ artifacts: second }));
  await store.makePermanent(attempt, folder, first);
  expect(await contentOf(store, folder, 'image.bin')).toBe('of the second');
});

test('farms with prefixes of their own share a bucket and see nothing of each other', async () => {
  const [one, two] = await Promise.all(
    ['one/', 'deeply/two/'].map((s3Prefix) => openTestS3Store(s3, { s3Prefix })),
  );
  if (!one || !two) throw new Error('a store is missing');
  opened.use('one', one);
  opened.use('two', two);
  await finish(one.store, { 'image.bin': 'of one' });
  await finish(two.store, { 'image.bin': 'of two' });
  expect(await one.store.kept()).toHaveLength(1);
  await one.store.remove({ binDir: folder, requestHash });
  await one.store.drop(attempt);
  expect(s3.objects.keys('one/')).toEqual([]);
  expect(await contentOf(two.store, requestHash, 'image.bin')).toBe('of two');
  expect(await store.kept()).toEqual([]);
});

describe('clients that are sent to the bucket', () => {
  test('get a URL that is good for an hour and has the name of the file', async () => {
    const { store: redirecting } = opened.use('store', await openTestS3Store(s3, { s3Redirect: 'true' }));
    await finish(redirecting, { 'open+wrt~1.bin': 'the image' });
    const url = (await (await redirecting.find(requestHash, 'open+wrt~1.bin'))?.redirectUrl?.()) ?? '';
    const reply = await fetch(url);
    expect([reply.status, await reply.text()]).toEqual([200, 'the image']);
    expect(reply.headers.get('content-disposition')).toBe('attachment; filename="open+wrt~1.bin"');
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('3600');
    expect((await fetch(url.replace('3600', '7200'))).status).toBe(403);
    expect(url).not.toContain(String(s3.settings.s3SecretKey));
  });

  test('or one below where anybody reads', async () => {
    const settings = {
      s3Redirect: 'true',
      s3PublicUrl: 'https://files.example/firmware/',
      s3Prefix: 'farm/',
    };
    const { store: redirecting } = opened.use('store', await openTestS3Store(s3, settings));
    await finish(redirecting, { 'open+wrt~1.bin': 'the image' });
    const file = await redirecting.find(requestHash, 'open+wrt~1.bin');
    const key = `farm/files/${folder}/${sha256Hex('the image')}/open%2Bwrt~1.bin`;
    expect(await file?.redirectUrl?.()).toBe(`https://files.example/firmware/${key}`);
  });

  test('are none unless that is asked for', async () => {
    await finish(store, { 'image.bin': 'the image' });
    expect(await store.find(requestHash, 'image.bin')).not.toHaveProperty('redirectUrl');
  });
});

describe('a bucket that cannot be used is told at once, with what to look at:', () => {
  test.each([
    [{ s3AccessKey: 'other' }, 'WRTFARM_S3_ACCESS_KEY'],
    [{ s3SecretKey: 'other-s3cret' }, 'WRTFARM_S3_SECRET_KEY'],
    [{ s3Bucket: 'other' }, 'WRTFARM_S3_BUCKET'],
    [{ s3Endpoint: 'http://127.0.0.1:1' }, 'WRTFARM_S3_ENDPOINT'],
  ])('%j', async (change, name) => {
    const opening = openTestS3Store(s3, change);
    await expect(opening).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(name),
    });
    await opening.catch((thrown: Error) => {
      expect(`${thrown.stack} ${JSON.stringify(thrown)}`).not.toContain('s3cret');
    });
  });
});
