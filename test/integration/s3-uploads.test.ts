import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import {
  artifact,
  attempt,
  buildJson,
  chunks,
  folder,
} from '../../coordinator/artifacts/artifact-store.test.support.ts';
import { Bucket } from '../../coordinator/artifacts/s3/bucket.ts';
import { openS3Store } from '../../coordinator/artifacts/s3/open-s3-store.ts';
import { putFile } from '../../coordinator/artifacts/s3/put-file.ts';
import { createS3Client } from '../../coordinator/artifacts/s3/s3-client.ts';
import { S3_PROPERTIES, s3SettingsOf } from '../../coordinator/artifacts/s3/s3-config.ts';
import type { S3Settings } from '../../coordinator/artifacts/s3/s3-settings.ts';
import { systemClock } from '../../shared/clock.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { parseSettings } from '../../shared/env.ts';
import { createLog } from '../../shared/log.ts';
import { eventually } from '../support/eventually.ts';
import { useS3 } from '../support/use-s3.ts';

/* How files get into a bucket, and what may go wrong on the way. */

const used = useS3();

/** Files on this coordinator's own disk. */
async function filesHere(): Promise<readonly string[]> {
  const found = await readdir(used.folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function settings(): S3Settings {
  const found = s3SettingsOf(parseSettings(Type.Object(S3_PROPERTIES), used.s3.settings));
  if (!found) throw new Error('the settings name no bucket');
  return found;
}

describe('a large file', () => {
  const bytes = randomBytes(40 * 1024 ** 2);
  const image = artifact('image.bin', bytes);
  const parts = (): readonly string[] =>
    used.s3.requests.filter((request) => request.includes('partNumber='));

  test('goes up in parts, is served by ranges of them, and leaves nothing where it came in', async () => {
    await used.store.write(attempt, image, 0, chunks(bytes));
    expect(parts()).toHaveLength(3);
    expect(used.s3.objects.uploads.size).toBe(0);
    expect(await filesHere()).toEqual([]);
    await used.store.makePermanent(attempt, folder, [image]);
    await used.store.commit(buildJson({ artifacts: [image] }));
    const file = await used.store.find(folder, 'image.bin');
    if (!file) throw new Error('image.bin is not found');
    expect(sha256Hex(await buffer(file.read()))).toBe(image.sha256);
    const range = { start: 16 * 1024 ** 2 - 5, end: 16 * 1024 ** 2 + 4 };
    expect(await buffer(file.read(range))).toEqual(bytes.subarray(range.start, range.end + 1));
  });

  test.each(['cut', 503] as const)(
    'a part of which is answered by %s goes up all the same',
    async (fault) => {
      let faults = 0;
      used.s3.fault = ({ query }) => (query.get('partNumber') === '2' && faults++ === 0 ? fault : undefined);
      expect(await used.store.write(attempt, image, 0, chunks(bytes))).toMatchObject({ isComplete: true });
      expect(parts().filter((request) => request.includes('partNumber=2'))).toHaveLength(2);
      expect(parts()).toHaveLength(4);
      const key = `staging/${attempt}/${image.sha256}`;
      expect(sha256Hex(used.s3.objects.get(key).bytes)).toBe(image.sha256);
    },
  );

  test('that the bucket does not take is given up there, stays here, and goes up without coming in again', async () => {
    used.s3.fault = ({ query }) => (query.get('partNumber') === '3' ? 503 : undefined);
    await expect(used.store.write(attempt, image, 0, chunks(bytes))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(used.s3.objects.uploads.size).toBe(0);
    expect(await used.store.held(attempt, image)).toEqual({ heldBytes: image.sizeBytes, isComplete: false });
    used.s3.fault = undefined;
    expect(await used.store.write(attempt, image, image.sizeBytes, chunks())).toMatchObject({
      isComplete: true,
    });
  });

  test('whose coordinator died is found by its attempt, and its parts are given up with that', async () => {
    const upload = used.s3.objects.begin(`staging/${attempt}/${image.sha256}`);
    used.s3.objects.putPart(upload.key, upload.id, 1, bytes);
    expect(await used.store.stagedBefore(-1)).toEqual([attempt]);
    expect(await used.store.stagedBefore(60_000)).toEqual([]);
    await used.store.drop(attempt);
    expect(used.s3.objects.uploads.size).toBe(0);
    expect(await used.store.stagedBefore(-1)).toEqual([]);
  });
});

test('a file that another write of it removed while it goes up is up all the same', async () => {
  const image = artifact('image.bin', 'the image');
  let tries = 0;
  used.s3.fault = ({ method }) => {
    if (method !== 'PUT' || tries++ > 0) return undefined;
    rmSync(join(used.folder, attempt, image.sha256));
    return 503;
  };
  expect(await used.store.write(attempt, image, 0, chunks('the image'))).toMatchObject({ isComplete: true });
  expect(tries).toBe(2);
});

test('a file that cannot be read does not go up, which is told at once', async () => {
  const client = createS3Client(settings());
  used.opened.add('client', async () => client.destroy());
  const closing = new AbortController().signal;
  const bucket = new Bucket({ client, bucket: settings().bucket, prefix: '', closing });
  const clock = { ...systemClock, sleep: async () => undefined };
  for (const [path, reason] of [
    [join(used.folder, 'none'), /ENOENT/],
    // What may be opened, but not read at 0.
    ['/proc/self/mem', /EIO/],
  ] as const) {
    const put = putFile({ bucket, clock }, path, 'key', artifact('image.bin', 'the image'));
    await expect(put).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(reason) });
  }
  expect(used.s3.objects.stored.size).toBe(0);
});

test('bytes that changed on disk after they were verified do not get into the bucket, and come in anew', async () => {
  const image = artifact('image.bin', 'the image');
  used.s3.fault = ({ method }) => (method === 'PUT' ? 503 : undefined);
  await expect(used.store.write(attempt, image, 0, chunks('the image'))).rejects.toMatchObject({
    code: 'unavailable',
  });
  used.s3.fault = undefined;
  const [path = ''] = await filesHere();
  expect(await readFile(path, 'utf8')).toBe('the image');
  await writeFile(path, 'THE IMAGE');
  await expect(used.store.write(attempt, image, 9, chunks())).rejects.toMatchObject({
    cause: { name: 'XAmzContentSHA256Mismatch' },
  });
  expect(await used.store.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  expect(await used.store.write(attempt, image, 0, chunks('the image'))).toMatchObject({ isComplete: true });
});

test('what was left on disk for longer than any lease lasts is gone once a coordinator has started', async () => {
  await used.store.write(attempt, artifact('image.bin', 'the image'), 0, chunks('the '));
  const next = attempt.replace(/1$/, '2');
  await used.store.write(next, artifact('image.bin', 'the image'), 0, chunks('the '));
  const old = new Date(Date.now() - 4 * 3_600_000);
  await utimes(join(used.folder, attempt), old, old);
  const log = createLog('store', 'silent');
  used.opened.use('again', await openS3Store(settings(), { folder: used.folder, clock: systemClock, log }));
  await eventually(async () => expect(await readdir(used.folder)).toEqual([next]));
});

test('an upload that another coordinator goes on with begins that file anew', async () => {
  const image = artifact('image.bin', 'the image');
  await used.store.write(attempt, image, 0, chunks('the '));
  const other = await used.another();
  expect(await other.held(attempt, image)).toEqual({ heldBytes: 0, isComplete: false });
  await other.write(attempt, image, 0, chunks('the image'));
  await used.store.drop(attempt);
  expect(await filesHere()).toEqual([]);
});
