import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  artifact,
  attempt,
  buildJson,
  contentOf,
  finish,
  firstGeneration,
  folder,
  requestHash,
  secondGeneration,
  stage,
} from '../../coordinator/artifacts/artifact-store.test.support.ts';
import type { ArtifactStore } from '../../coordinator/artifacts/artifact-store.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { binDir } from '../../shared/domain/build.ts';
import { EVERY_STORE, type OpenedStore } from '../support/every-store.ts';

/* What holds for every artifact store: each test runs over a folder, and over buckets of different habits. */

describe.each(EVERY_STORE)('in %s', (_where, open) => {
  let opened: OpenedStore;
  let store: ArtifactStore;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });
  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  describe('a file of a finished build', () => {
    test('is also its manifest, which was not uploaded', async () => {
      const manifest = { vim: '9.1', 'base-files': '1663' };
      await finish(store, { 'image.bin': 'the image' }, { answer: { manifest } });
      for (const each of [folder, requestHash]) {
        const found = await store.find(each, 'manifest.json');
        const content = JSON.stringify(manifest);
        expect(found).toMatchObject({ name: 'manifest.json', binDir: folder, finishedAt: 2_000 });
        expect([found?.sizeBytes, found?.sha256]).toEqual([content.length, sha256Hex(content)]);
        expect(found && (await text(found.read()))).toBe(content);
        expect(found && (await text(found.read({ start: 1, end: 5 })))).toBe('"vim"');
      }
    });

    test('is no manifest where the build failed before it had one', async () => {
      await finish(store, { 'buildlog.txt': 'the log' }, { outcome: 'failed', answer: { status: 500 } });
      expect(await store.find(folder, 'manifest.json')).toBeUndefined();
    });

    test('is found below its bin_dir and below the request hash, with all a server must know', async () => {
      await finish(store, { 'image.bin': 'the image', 'buildlog.txt': 'the log' });
      for (const each of [folder, requestHash]) {
        expect(await store.find(each, 'image.bin')).toMatchObject({
          name: 'image.bin',
          sha256: sha256Hex('the image'),
          sizeBytes: 9,
          binDir: folder,
          finishedAt: 2_000,
        });
        expect(await contentOf(store, each, 'buildlog.txt')).toBe('the log');
      }
    });

    test('is read as often as wanted, whole or in part', async () => {
      await finish(store, { 'image.bin': 'the image' });
      const file = await store.find(requestHash, 'image.bin');
      if (!file) throw new Error('image.bin is not found');
      expect(await text(file.read())).toBe('the image');
      expect(await text(file.read({ start: 4, end: 6 }))).toBe('ima');
      expect(await text(file.read({ start: 8, end: 8 }))).toBe('e');
    });

    test('is not found under another name, folder, or a folder that is a path', async () => {
      await finish(store, { 'image.bin': 'the image' });
      for (const folder of [
        'b'.repeat(64),
        '',
        '..',
        `../builds/${requestHash}`,
        requestHash.toUpperCase(),
      ]) {
        expect(await store.find(folder, 'image.bin'), folder).toBeUndefined();
      }
      for (const name of ['other.bin', '', '../build.json', 'build.json']) {
        expect(await store.find(requestHash, name), name).toBeUndefined();
      }
    });
  });

  describe('of several generations', () => {
    const again = { generation: secondGeneration, finishedAt: 9_000 };

    test('the one that finished last is the newest, in whichever order they were written', async () => {
      await finish(store, { 'image.bin': 'made anew' }, again);
      await finish(store, { 'image.bin': 'made first' });
      expect(await store.newest(requestHash)).toMatchObject(again);
      expect(await contentOf(store, requestHash, 'image.bin')).toBe('made anew');
    });

    test('each keeps its bytes below its own bin_dir', async () => {
      await finish(store, { 'image.bin': 'made first', 'only-first.bin': '1' });
      await finish(store, { 'image.bin': 'made anew' }, again);
      expect(await contentOf(store, binDir(requestHash, firstGeneration), 'image.bin')).toBe('made first');
      expect(await contentOf(store, binDir(requestHash, secondGeneration), 'image.bin')).toBe('made anew');
      expect(await contentOf(store, requestHash, 'only-first.bin')).toBeUndefined();
    });

    test('there is none for a request that was never finished', async () => {
      await finish(store, {});
      expect(await store.newest('b'.repeat(64))).toBeUndefined();
    });
  });

  describe('committing', () => {
    test('writes once: the first build.json of a generation stands and is what everybody is told', async () => {
      const first = await store.commit(buildJson({ answer: { winner: 'first' } }));
      const second = await store.commit(buildJson({ answer: { winner: 'second' }, outcome: 'failed' }));
      expect(first.answer).toEqual({ winner: 'first' });
      expect(second).toEqual(first);
      expect(await store.newest(requestHash)).toEqual(first);
    });

    test('keeps every field', async () => {
      const json = buildJson({ artifacts: [artifact('a', 'b')], answer: { deep: { list: [1, null, 'ä'] } } });
      expect(await store.commit(json)).toEqual(json);
    });
  });

  describe('making permanent', () => {
    test('may be repeated, also after the attempt was dropped', async () => {
      const artifacts = [await stage(store, 'one.bin', '1'), await stage(store, 'two.bin', '2')];
      await store.makePermanent(attempt, folder, artifacts);
      await store.makePermanent(attempt, folder, artifacts);
      await store.drop(attempt);
      await store.makePermanent(attempt, folder, artifacts);
      await store.commit(buildJson({ artifacts }));
      expect(await contentOf(store, requestHash, 'two.bin')).toBe('2');
    });

    test('goes on where it was interrupted', async () => {
      const artifacts = [await stage(store, 'one.bin', '1'), await stage(store, 'two.bin', '2')];
      await store.makePermanent(attempt, folder, artifacts.slice(0, 1));
      await store.makePermanent(attempt, folder, artifacts);
      await store.commit(buildJson({ artifacts }));
      expect(await contentOf(store, requestHash, 'one.bin')).toBe('1');
      expect(await contentOf(store, requestHash, 'two.bin')).toBe('2');
    });

    test('of bytes that another build has already leaves both builds with them', async () => {
      await finish(store, { 'image.bin': 'shared' });
      const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };
      await finish(store, { 'copy.bin': 'shared' }, other);
      expect(await contentOf(store, requestHash, 'image.bin')).toBe('shared');
      expect(await contentOf(store, other.requestHash, 'copy.bin')).toBe('shared');
    });

    test('is not_found for what is neither staged nor permanent, or only in part', async () => {
      const whole = await stage(store, 'one.bin', '1');
      await store.drop(attempt);
      await expect(store.makePermanent(attempt, folder, [whole])).rejects.toMatchObject({
        code: 'not_found',
      });
      const part = artifact('long.bin', 'long');
      await store.write(
        attempt,
        part,
        0,
        (async function* () {
          yield Buffer.from('lo');
        })(),
      );
      await expect(store.makePermanent(attempt, folder, [part])).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  test('committing by many at once lets one of their answers stand, and every later one is told that', async () => {
    const stores = [store, await opened.another(), await opened.another()];
    await Promise.all(stores.map((each, index) => each.commit(buildJson({ answer: { winner: index } }))));
    const standing = await store.newest(requestHash);
    expect(standing).toBeDefined();
    for (const each of stores)
      expect(await each.commit(buildJson({ answer: { winner: 9 } }))).toEqual(standing);
  });

  test('files of an attempt whose build was committed by another one are never served', async () => {
    const first = await stage(store, 'image.bin', 'made first');
    await store.makePermanent(attempt, folder, [first]);
    const second = `${requestHash}.${firstGeneration}.2`;
    const image = await stage(store, 'image.bin', 'made second', second);
    await store.makePermanent(second, folder, [image]);
    await store.commit(buildJson({ attempt: 2, attemptKey: second, artifacts: [image] }));
    await store.makePermanent(attempt, folder, [first]);
    await store.commit(buildJson({ artifacts: [first] }));
    expect(await contentOf(store, requestHash, 'image.bin')).toBe('made second');
  });

  describe('what is removed', () => {
    const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };

    test('is gone with its answer, and bytes that another build shares stay', async () => {
      await finish(store, { 'image.bin': 'shared', 'own.bin': 'own' });
      await finish(store, { 'copy.bin': 'shared' }, other);
      await store.drop(attempt);
      expect(await store.kept()).toHaveLength(2);
      await store.remove({ binDir: folder, requestHash });
      await store.removeUnused(-1);
      expect(await store.has(folder)).toBe(false);
      expect(await store.find(requestHash, 'image.bin')).toBeUndefined();
      expect(await store.newest(requestHash)).toBeUndefined();
      expect(await contentOf(store, other.requestHash, 'copy.bin')).toBe('shared');
      expect(await store.kept()).toHaveLength(1);
      expect(await opened.files()).toBe(1);
    });

    test('may be removed again, and again by another coordinator', async () => {
      await finish(store, { 'image.bin': 'the image' });
      for (const each of [store, store, await opened.another()])
        await each.remove({ binDir: folder, requestHash });
      expect(await store.kept()).toEqual([]);
    });

    test('is told with all its removal is decided by', async () => {
      await finish(store, { 'image.bin': 'the image', 'own.bin': 'own' });
      const kept = { binDir: folder, requestHash, generation: firstGeneration, finishedAt: 2_000 };
      const told = [{ ...kept, expiresAt: 3_000, sizeBytes: 12 }];
      expect(await store.kept()).toEqual(told);
      expect(await store.kept()).toEqual(told);
    });

    test('is not what was just made permanent and is not committed yet', async () => {
      const artifacts = [await stage(store, 'one.bin', '1')];
      await store.makePermanent(attempt, folder, artifacts);
      await store.removeUnused(60_000);
      await store.commit(buildJson({ artifacts }));
      await store.removeUnused(-1);
      expect(await contentOf(store, requestHash, 'one.bin')).toBe('1');
    });
  });
});
