import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { binDir } from '../../shared/domain/build.ts';
import {
  artifact,
  attempt,
  buildJson,
  contentOf,
  finish,
  folder,
  requestHash,
  secondGeneration,
  stage,
} from './artifact-store.test.support.ts';
import { DirectoryStore } from './directory-store.ts';

/* What holds for a folder only; what holds for every store is in test/integration/artifact-stores.test.ts. */

let root: string;
let store: DirectoryStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wrtfarm-store-'));
  store = new DirectoryStore(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

describe('a file of a finished build', () => {
  test('of equal content under two names is kept once and found under both', async () => {
    const artifacts = [await stage(store, 'one.bin', 'same'), artifact('two.bin', 'same')];
    await store.makePermanent(attempt, folder, artifacts);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(store, requestHash, 'one.bin')).toBe('same');
    expect(await contentOf(store, requestHash, 'two.bin')).toBe('same');
    expect((await readdir(join(root, 'blobs'), { recursive: true })).length).toBe(2);
  });

  test('whose bytes are gone is not found', async () => {
    await finish(store, { 'image.bin': 'the image' });
    await rm(join(root, 'builds', folder.slice(0, 2), folder, 'files'), { recursive: true });
    expect(await store.find(requestHash, 'image.bin')).toBeUndefined();
  });
});

describe('a disk that cannot be looked at', () => {
  beforeEach(async () => {
    await finish(store, { 'image.bin': 'the image' });
    // A link to itself: the kernel refuses that to root too.
    for (const folder of ['builds', 'requests']) {
      await rm(join(root, folder), { recursive: true });
      await symlink(folder, join(root, folder));
    }
  });

  test('is not taken for one that lost its builds', async () => {
    const looks = [
      store.has(folder),
      store.newest(requestHash),
      store.find(folder, 'image.bin'),
      store.kept(),
    ];
    for (const look of looks) await expect(look).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('committing', () => {
  test('by many at once lets one win and tells all the same', async () => {
    const commits = Array.from({ length: 8 }, (_, index) =>
      new DirectoryStore(root).commit(buildJson({ answer: { winner: index } })),
    );
    const standing = await Promise.all(commits);
    expect(new Set(standing.map((json) => JSON.stringify(json))).size).toBe(1);
    expect(await readdir(join(root, 'builds'), { recursive: true })).toHaveLength(3);
  });
});

describe('what is removed', () => {
  test('is gone with its answer, and bytes that another build shares stay', async () => {
    const first = await finish(store, { 'image.bin': 'shared', 'own.bin': 'own' });
    const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };
    await finish(store, { 'copy.bin': 'shared' }, other);
    expect(await store.kept()).toHaveLength(2);
    const reading = await store.find(requestHash, 'own.bin');
    const stream = reading?.read();
    await new Promise((resolve) => stream?.once('open', resolve));
    await store.remove({ binDir: folder, requestHash: first.requestHash });
    await store.removeUnused(-1);
    expect(await store.has(folder)).toBe(false);
    expect(await store.find(requestHash, 'image.bin')).toBeUndefined();
    expect(await contentOf(store, other.requestHash, 'copy.bin')).toBe('shared');
    expect(stream && (await text(stream))).toBe('own');
    const left = await readdir(join(root, 'blobs'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toHaveLength(1);
  });

  test('does not take along bytes that were used again since they were last looked at', async () => {
    let now = 0;
    const keeper = new DirectoryStore(root, () => now);
    const first = await finish(store, { 'image.bin': 'shared' });
    await store.remove({ binDir: folder, requestHash: first.requestHash });
    await keeper.removeUnused(1_000);
    now = 2_000;
    const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };
    await finish(store, { 'copy.bin': 'shared' }, other);
    await store.remove({
      binDir: binDir(other.requestHash, secondGeneration),
      requestHash: other.requestHash,
    });
    const blobs = async (): Promise<number> => {
      const left = await readdir(join(root, 'blobs'), { recursive: true, withFileTypes: true });
      return left.filter((entry) => entry.isFile()).length;
    };
    await keeper.removeUnused(1_000);
    expect(await blobs()).toBe(1);
    now = 3_001;
    await keeper.removeUnused(1_000);
    expect(await blobs()).toBe(0);
  });

  test('does not take along what was just made permanent and is not committed yet', async () => {
    const artifacts = [await stage(store, 'one.bin', '1')];
    await store.makePermanent(attempt, folder, artifacts);
    await store.removeUnused(-1);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(store, requestHash, 'one.bin')).toBe('1');
  });
});
