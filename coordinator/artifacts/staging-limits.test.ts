import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { StagingFolder } from './staging-folder.ts';
import { requireRoom, type StagedFile } from './staging-limits.ts';

const MIB = 1024 * 1024;
const artifact = { name: 'image.bin', sha256: sha256Hex('image'), sizeBytes: 10 };
const others = (count: number, sizeBytes: number): readonly StagedFile[] =>
  Array.from({ length: count }, (_each, at) => ({ sha256: sha256Hex(String(at)), sizeBytes }));

test.each<[string, readonly StagedFile[]]>([
  ['alone', []],
  ['as the last file', others(2, 1)],
  ['with the last byte', others(1, 90)],
  ['begun before, beside all others', [...others(2, 1), { sha256: artifact.sha256, sizeBytes: 5 }]],
])('an artifact has room %s', (_what, staged) => {
  expect(() => requireRoom(artifact, staged, { maxFiles: 3, maxBytes: 100 })).not.toThrow();
});

test.each<[string, string, readonly StagedFile[]]>([
  ['files', 'one file too many: an attempt has 3 at most', others(3, 1)],
  ['bytes', 'has 101 bytes, and may have 100', others(1, 91)],
  [
    'writes of one file',
    'one file too many',
    Array.from({ length: 59 }, () => ({ sha256: artifact.sha256, sizeBytes: 0 })),
  ],
])('an artifact has no room beside too many %s', (_what, message, staged) => {
  expect(() => requireRoom(artifact, staged, { maxFiles: 3, maxBytes: 100 })).toThrow(
    expect.objectContaining({ code: 'resource_exhausted', message: expect.stringContaining(message) }),
  );
});

describe('an attempt that stages too much', () => {
  const limits = { maxFiles: 3, maxBytes: 60 };
  const file = (name: string, text: string): Artifact => ({
    name,
    sha256: sha256Hex(text),
    sizeBytes: text.length,
  });
  async function* bytes(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
  }
  async function* broken(text: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
    throw new Error('the connection broke');
  }
  const attempt = `${'a'.repeat(64)}.${'1'.repeat(32)}.1`;
  const write = async (name: string, text: string): Promise<unknown> =>
    await staging.write(attempt, file(name, text), 0, bytes(text));
  const content = 'the bytes of an image';
  const image = file('image.bin', content);
  let root: string;
  let staging: StagingFolder;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'wrtfarm-staging-'));
    staging = new StagingFolder(root, limits);
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  test('is refused the file that is one too many, and nothing of it stays', async () => {
    for (const name of ['a', 'b', 'c']) await write(name, name);
    await expect(write('d', 'd')).rejects.toMatchObject({
      code: 'resource_exhausted',
      message: expect.stringContaining('d is one file too many'),
    });
    expect(await readdir(join(root, attempt))).toHaveLength(3);
  });

  test('may write a file again, or one of equal bytes by another name', async () => {
    for (const name of ['a', 'b', 'c']) await write(name, name);
    await write('also-c', 'c');
    expect(await readdir(join(root, attempt))).toHaveLength(3);
  });

  test('is refused before any byte when what the file will have is too much', async () => {
    await write('a', 'a'.repeat(40));
    await expect(
      staging.write(attempt, image, 0, broken('the bytes are not even asked for')),
    ).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(await readdir(join(root, attempt))).toHaveLength(1);
  });

  test('is refused however many files it begins at once', async () => {
    const names = Array.from({ length: 8 }, (_each, at) => `file-${at}`);
    const ends = await Promise.allSettled(names.map((name) => write(name, name.repeat(2))));
    expect(ends.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(3);
    expect(await readdir(join(root, attempt))).toHaveLength(
      ends.filter(({ status }) => status === 'fulfilled').length,
    );
  });

  test('is refused in the middle of a file when others grew meanwhile', async () => {
    staging = new StagingFolder(root, { maxFiles: 3, maxBytes: 100 * MIB });
    const large = { name: 'large', sha256: sha256Hex('large'), sizeBytes: 60 * MIB };
    let sentBytes = 0;
    const growing = (async function* () {
      for (; sentBytes < large.sizeBytes; sentBytes += MIB) {
        if (sentBytes === MIB) {
          const other = join(root, attempt, sha256Hex('other'));
          await writeFile(other, '');
          await truncate(other, 50 * MIB);
        }
        yield Buffer.alloc(MIB);
      }
    })();
    await expect(staging.write(attempt, large, 0, growing)).rejects.toMatchObject({
      code: 'resource_exhausted',
    });
    expect(sentBytes).toBeLessThanOrEqual(17 * MIB);
  });

  test('counts a file that broke and went on once', async () => {
    await write('a', 'a'.repeat(35));
    for (const [at, word] of ['the ', 'bytes ', 'of ', 'an '].entries()) {
      const offset = [0, 4, 10, 13][at] ?? 0;
      await expect(staging.write(attempt, image, offset, broken(word))).rejects.toThrow('broke');
    }
    expect(await staging.write(attempt, image, 16, bytes('image'))).toMatchObject({ isComplete: true });
  });

  test('does not keep another attempt from staging', async () => {
    for (const name of ['a', 'b', 'c']) await write(name, name);
    const other = `${'b'.repeat(64)}.${'1'.repeat(32)}.1`;
    expect(await staging.write(other, image, 0, bytes(content))).toMatchObject({ isComplete: true });
  });
});
