import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import {
  artifact,
  attempt,
  buildJson,
  contentOf,
  finish,
  folder,
  requestHash,
  stage,
} from '../../coordinator/artifacts/artifact-store.test.support.ts';
import { sha256Hex } from '../../shared/digest.ts';
import type { Log } from '../../shared/log.ts';
import { eventually } from '../support/eventually.ts';
import { openTestS3Store } from '../support/open-s3-store.ts';
import { useS3 } from '../support/use-s3.ts';

/* What holds for a bucket only; what holds for every store is in artifact-stores.test.ts. */

const used = useS3();

describe('a download', () => {
  const reads = (): number => used.s3.requests.filter((request) => request.startsWith('GET files/')).length;

  test('that breaks goes on where it stopped', async () => {
    await finish(used.store, { 'image.bin': 'the image' });
    const faults = [{ cutAfterBytes: 4 }, 503, 'cut'] as const;
    used.s3.fault = ({ key, method }) =>
      key.startsWith('files/') && method === 'GET' ? faults[reads() - 1] : undefined;
    expect(await contentOf(used.store, folder, 'image.bin')).toBe('the image');
    expect(reads()).toBe(4);
  });

  test('that brings nothing again and again ends with what to do', async () => {
    await finish(used.store, { 'image.bin': 'the image' });
    const file = await used.store.find(folder, 'image.bin');
    used.s3.fault = () => 'cut';
    if (!file) throw new Error('image.bin is not found');
    await expect(buffer(file.read())).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('WRTFARM_S3_ENDPOINT'),
    });
  });

  test('that nobody reads asks for nothing', async () => {
    await finish(used.store, { 'image.bin': 'the image' });
    (await used.store.find(folder, 'image.bin'))?.read().destroy();
    expect(reads()).toBe(0);
  });

  test('that its reader leaves is no longer sent', async () => {
    const key = `files/${folder}/${sha256Hex('x')}/image.bin`;
    const sizeBytes = used.s3.objects.put(key, randomBytes(64 * 1024 ** 2)).bytes.length;
    await used.store.commit(
      buildJson({ artifacts: [{ name: 'image.bin', sha256: sha256Hex('x'), sizeBytes }] }),
    );
    const stream = (await used.store.find(folder, 'image.bin'))?.read();
    if (!stream) throw new Error('image.bin is not found');
    await once(stream, 'readable');
    expect(used.s3.underWay).toBe(1);
    stream.destroy();
    await eventually(() => expect(used.s3.underWay).toBe(0));
    expect(reads()).toBe(1);
  });

  test('that its reader leaves before an answer came waits for none', async () => {
    await finish(used.store, { 'image.bin': 'the image' });
    const stream = (await used.store.find(folder, 'image.bin'))?.read();
    used.s3.fault = () => 'silence';
    stream?.resume();
    await eventually(() => expect(used.s3.underWay).toBe(1));
    stream?.destroy();
    await eventually(() => expect(used.s3.underWay).toBe(0));
  });
});

test('of many that commit at once one wins, and all are told the same', async () => {
  const stores = [used.store, await used.another(), await used.another(), await used.another()];
  const standing = await Promise.all(
    stores.map((each, index) => each.commit(buildJson({ answer: { winner: index } }))),
  );
  expect(new Set(standing.map((json) => JSON.stringify(json))).size).toBe(1);
});

test('a bucket that does not answer is no proof that something is gone', async () => {
  const json = await finish(used.store, { 'image.bin': 'the image' });
  used.s3.fault = () => 503;
  const asked = [
    used.store.find(folder, 'image.bin'),
    used.store.has(folder),
    used.store.newest(requestHash),
    used.store.kept(),
    used.store.held(attempt, artifact('image.bin', 'the image')),
    used.store.makePermanent(attempt, folder, json.artifacts),
    used.store.commit(json),
    used.store.stagedBefore(-1),
    used.store.drop(attempt),
  ];
  for (const { status, reason } of (await Promise.allSettled(asked)) as PromiseRejectedResult[]) {
    expect([status, reason?.code]).toEqual(['rejected', 'unavailable']);
  }
});

test('nor is one that lists builds and does not give them', async () => {
  await finish(used.store, { 'image.bin': 'the image' });
  used.s3.fault = ({ method, key }) => (method === 'GET' && key.startsWith('builds/') ? 503 : undefined);
  await expect(used.store.newest(requestHash)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(used.store.kept()).rejects.toMatchObject({ code: 'unavailable' });
});

test('a build.json that cannot be understood hides no other', async () => {
  await finish(used.store, { 'image.bin': 'the image' });
  const broken = 'f'.repeat(64);
  used.s3.objects.put(`requests/${requestHash}/${broken}`, Buffer.from(''));
  used.s3.objects.put(`builds/${broken}/build.json`, Buffer.from('{'));
  expect(await used.store.newest(requestHash)).toMatchObject({ requestHash });
  expect(await used.store.kept()).toHaveLength(1);
});

test('a bucket that fails is told once, with what to do, and so is its coming back', async () => {
  const told: unknown[] = [];
  const log = {
    warn: (...words: unknown[]) => told.push(words),
    info: (...words: unknown[]) => told.push(words),
  };
  const { store: telling } = used.opened.use(
    'store',
    await openTestS3Store(used.s3, {}, log as unknown as Log),
  );
  expect(await telling.has(folder)).toBe(false);
  expect(told).toEqual([]);
  used.s3.fault = () => 503;
  for (const _each of [1, 2])
    await expect(telling.has(folder)).rejects.toMatchObject({ code: 'unavailable' });
  used.s3.fault = undefined;
  for (const _each of [1, 2]) await telling.newest(requestHash);
  const reason = expect.stringContaining('WRTFARM_S3_ENDPOINT');
  expect(told).toEqual([
    [{ reason }, 'the artifact store fails'],
    [{}, 'the artifact store answers again'],
  ]);
});

test('a request that fails once is made again', async () => {
  await finish(used.store, { 'image.bin': 'the image' });
  const failed = new Set<string>();
  used.s3.fault = ({ method, key }) => {
    if (failed.has(method + key)) return undefined;
    failed.add(method + key);
    return 503;
  };
  expect(await used.store.newest(requestHash)).toMatchObject({ requestHash });
  expect(failed.size).toBe(2);
});

test('files without a build are removed once they are old', async () => {
  const artifacts = [await stage(used.store, 'image.bin', 'the image')];
  await used.store.makePermanent(attempt, folder, artifacts);
  await used.store.removeUnused(60_000);
  expect(used.s3.objects.keys('files/')).toHaveLength(1);
  await used.store.removeUnused(-1);
  expect(used.s3.objects.keys('files/')).toEqual([]);
});

test('what two attempts called the same stays apart', async () => {
  const first = [await stage(used.store, 'image.bin', 'of the first')];
  await used.store.makePermanent(attempt, folder, first);
  const second = [await stage(used.store, 'image.bin', 'of the second')];
  await used.store.makePermanent(attempt, folder, second);
  await used.store.commit(buildJson({ artifacts: second }));
  await used.store.makePermanent(attempt, folder, first);
  expect(await contentOf(used.store, folder, 'image.bin')).toBe('of the second');
});

test('farms with prefixes of their own share a bucket and see nothing of each other', async () => {
  const one = await used.another({ s3Prefix: 'one/' });
  const two = await used.another({ s3Prefix: 'deeply/two/' });
  await finish(one, { 'image.bin': 'of one' });
  await finish(two, { 'image.bin': 'of two' });
  expect(await one.kept()).toHaveLength(1);
  await one.remove({ binDir: folder, requestHash });
  await one.drop(attempt);
  expect(used.s3.objects.keys('one/')).toEqual([]);
  expect(await contentOf(two, requestHash, 'image.bin')).toBe('of two');
  expect(await used.store.kept()).toEqual([]);
});

describe('clients that are sent to the bucket', () => {
  test('get a URL that is good for an hour and has the name of the file', async () => {
    const redirecting = await used.another({ s3Redirect: 'true' });
    await finish(redirecting, { 'open+wrt~1.bin': 'the image' });
    const url = (await (await redirecting.find(requestHash, 'open+wrt~1.bin'))?.redirectUrl?.()) ?? '';
    const reply = await fetch(url);
    expect([reply.status, await reply.text()]).toEqual([200, 'the image']);
    expect(reply.headers.get('content-disposition')).toBe('attachment; filename="open+wrt~1.bin"');
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('3600');
    expect((await fetch(url.replace('3600', '7200'))).status).toBe(403);
    expect(url).not.toContain(String(used.s3.settings.s3SecretKey));
  });

  test('or one below where anybody reads', async () => {
    const settings = {
      s3Redirect: 'true',
      s3PublicUrl: 'https://files.example/firmware/',
      s3Prefix: 'farm/',
    };
    const redirecting = await used.another(settings);
    await finish(redirecting, { 'open+wrt~1.bin': 'the image' });
    const file = await redirecting.find(requestHash, 'open+wrt~1.bin');
    const key = `farm/files/${folder}/${sha256Hex('the image')}/open%2Bwrt~1.bin`;
    expect(await file?.redirectUrl?.()).toBe(`https://files.example/firmware/${key}`);
  });

  test('are none unless that is asked for', async () => {
    await finish(used.store, { 'image.bin': 'the image' });
    expect(await used.store.find(requestHash, 'image.bin')).not.toHaveProperty('redirectUrl');
  });
});

describe('a bucket that cannot be used is told at once, with what to look at:', () => {
  test.each([
    [{ s3AccessKey: 'other' }, 'WRTFARM_S3_ACCESS_KEY'],
    [{ s3SecretKey: 'other-s3cret' }, 'WRTFARM_S3_SECRET_KEY'],
    [{ s3Bucket: 'other' }, 'WRTFARM_S3_BUCKET'],
    [{ s3Endpoint: 'http://127.0.0.1:1' }, 'WRTFARM_S3_ENDPOINT'],
  ])('%j', async (change, name) => {
    const opening = openTestS3Store(used.s3, change);
    await expect(opening).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(name),
    });
    await opening.catch((thrown: Error) => {
      expect(`${thrown.stack} ${JSON.stringify(thrown)}`).not.toContain('s3cret');
    });
  });
});
