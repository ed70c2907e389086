import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import { binDir } from '../../shared/domain/build.ts';
import type { BuildJson } from '../builds/sealed-build.ts';
import { DirectoryStore } from './directory-store.ts';

const requestHash = 'a'.repeat(64);
const firstGeneration = '1'.repeat(32);
const secondGeneration = '2'.repeat(32);
const attempt = `${requestHash}.${firstGeneration}.1`;
const folder = binDir(requestHash, firstGeneration);

let root: string;
let store: DirectoryStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wrtfarm-store-'));
  store = new DirectoryStore(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

function artifact(name: string, content: string): Artifact {
  return { name, sha256: sha256Hex(content), sizeBytes: content.length };
}

async function stage(name: string, content: string, key = attempt): Promise<Artifact> {
  const staged = artifact(name, content);
  await store.write(
    key,
    staged,
    0,
    (async function* () {
      yield Buffer.from(content);
    })(),
  );
  return staged;
}

function buildJson(changes: Partial<BuildJson> = {}): BuildJson {
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
  return {
    version: 1,
    requestHash,
    generation: firstGeneration,
    attempt: 1,
    lane: 'open',
    source: { ...builder, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) },
    spec: {
      ...builder,
      versionCode: '',
      profile: 'generic',
      packages: [],
      packagesVersions: {},
      diffPackages: false,
      defaults: null,
      rootfsSizeMb: null,
      filesystem: null,
      repositories: {},
      repositoriesMode: 'replace',
      repositoryKeys: [],
    },
    client: null,
    acceptedAt: 1_000,
    finishedAt: 2_000,
    expiresAt: 3_000,
    outcome: 'done',
    artifacts: [],
    attemptKey: attempt,
    agentId: 'attic',
    answer: { status: 200, detail: 'done' },
    isCacheable: true,
    keepMs: 1_000,
    ...changes,
  };
}

/** Stages, keeps and commits a build of these files. */
async function finish(
  files: Readonly<Record<string, string>>,
  changes: Partial<BuildJson> = {},
): Promise<BuildJson> {
  const artifacts = await Promise.all(Object.entries(files).map(([name, content]) => stage(name, content)));
  const json = buildJson({ artifacts, ...changes });
  await store.makePermanent(attempt, binDir(json.requestHash, json.generation), artifacts);
  return await store.commit(json);
}

async function contentOf(folder: string, name: string): Promise<string | undefined> {
  const file = await store.find(folder, name);
  return file && (await text(file.read()));
}

describe('a file of a finished build', () => {
  test('is also its manifest, which was not uploaded', async () => {
    const manifest = { vim: '9.1', 'base-files': '1663' };
    await finish({ 'image.bin': 'the image' }, { answer: { manifest } });
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
    await finish({ 'buildlog.txt': 'the log' }, { outcome: 'failed', answer: { status: 500 } });
    expect(await store.find(folder, 'manifest.json')).toBeUndefined();
  });

  test('is found below its bin_dir and below the request hash, with all a server must know', async () => {
    await finish({ 'image.bin': 'the image', 'buildlog.txt': 'the log' });
    for (const each of [folder, requestHash]) {
      expect(await store.find(each, 'image.bin')).toMatchObject({
        name: 'image.bin',
        sha256: sha256Hex('the image'),
        sizeBytes: 9,
        binDir: folder,
        finishedAt: 2_000,
      });
      expect(await contentOf(each, 'buildlog.txt')).toBe('the log');
    }
  });

  test('is read as often as wanted, whole or in part', async () => {
    await finish({ 'image.bin': 'the image' });
    const file = await store.find(requestHash, 'image.bin');
    if (!file) throw new Error('image.bin is not found');
    expect(await text(file.read())).toBe('the image');
    expect(await text(file.read({ start: 4, end: 6 }))).toBe('ima');
    expect(await text(file.read({ start: 8, end: 8 }))).toBe('e');
  });

  test('of equal content under two names is kept once and found under both', async () => {
    const artifacts = [await stage('one.bin', 'same'), artifact('two.bin', 'same')];
    await store.makePermanent(attempt, folder, artifacts);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(requestHash, 'one.bin')).toBe('same');
    expect(await contentOf(requestHash, 'two.bin')).toBe('same');
    expect((await readdir(join(root, 'blobs'), { recursive: true })).length).toBe(2);
  });

  test('is not found under another name, folder, or a folder that is a path', async () => {
    await finish({ 'image.bin': 'the image' });
    for (const folder of ['b'.repeat(64), '', '..', `../builds/${requestHash}`, requestHash.toUpperCase()]) {
      expect(await store.find(folder, 'image.bin'), folder).toBeUndefined();
    }
    for (const name of ['other.bin', '', '../build.json', 'build.json']) {
      expect(await store.find(requestHash, name), name).toBeUndefined();
    }
  });

  test('whose bytes are gone is not found', async () => {
    await finish({ 'image.bin': 'the image' });
    await rm(join(root, 'builds', folder.slice(0, 2), folder, 'files'), { recursive: true });
    expect(await store.find(requestHash, 'image.bin')).toBeUndefined();
  });
});

describe('of several generations', () => {
  const again = { generation: secondGeneration, finishedAt: 9_000 };

  test('the one that finished last is the newest, in whichever order they were written', async () => {
    await finish({ 'image.bin': 'made anew' }, again);
    await finish({ 'image.bin': 'made first' });
    expect(await store.newest(requestHash)).toMatchObject(again);
    expect(await contentOf(requestHash, 'image.bin')).toBe('made anew');
  });

  test('each keeps its bytes below its own bin_dir', async () => {
    await finish({ 'image.bin': 'made first', 'only-first.bin': '1' });
    await finish({ 'image.bin': 'made anew' }, again);
    expect(await contentOf(binDir(requestHash, firstGeneration), 'image.bin')).toBe('made first');
    expect(await contentOf(binDir(requestHash, secondGeneration), 'image.bin')).toBe('made anew');
    expect(await contentOf(requestHash, 'only-first.bin')).toBeUndefined();
  });

  test('there is none for a request that was never finished', async () => {
    await finish({});
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

  test('by many at once lets one win and tells all the same', async () => {
    const commits = Array.from({ length: 8 }, (_, index) =>
      new DirectoryStore(root).commit(buildJson({ answer: { winner: index } })),
    );
    const standing = await Promise.all(commits);
    expect(new Set(standing.map((json) => JSON.stringify(json))).size).toBe(1);
    expect(await readdir(join(root, 'builds'), { recursive: true })).toHaveLength(3);
  });

  test('keeps every field', async () => {
    const json = buildJson({ artifacts: [artifact('a', 'b')], answer: { deep: { list: [1, null, 'ä'] } } });
    expect(await store.commit(json)).toEqual(json);
  });
});

describe('making permanent', () => {
  test('may be repeated, also after the attempt was dropped', async () => {
    const artifacts = [await stage('one.bin', '1'), await stage('two.bin', '2')];
    await store.makePermanent(attempt, folder, artifacts);
    await store.makePermanent(attempt, folder, artifacts);
    await store.drop(attempt);
    await store.makePermanent(attempt, folder, artifacts);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(requestHash, 'two.bin')).toBe('2');
  });

  test('goes on where it was interrupted', async () => {
    const artifacts = [await stage('one.bin', '1'), await stage('two.bin', '2')];
    await store.makePermanent(attempt, folder, artifacts.slice(0, 1));
    await store.makePermanent(attempt, folder, artifacts);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(requestHash, 'one.bin')).toBe('1');
    expect(await contentOf(requestHash, 'two.bin')).toBe('2');
  });

  test('of bytes that another build has already leaves both builds with them', async () => {
    await finish({ 'image.bin': 'shared' });
    const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };
    await finish({ 'copy.bin': 'shared' }, other);
    expect(await contentOf(requestHash, 'image.bin')).toBe('shared');
    expect(await contentOf(other.requestHash, 'copy.bin')).toBe('shared');
  });

  test('is not_found for what is neither staged nor permanent, or only in part', async () => {
    const whole = await stage('one.bin', '1');
    await store.drop(attempt);
    await expect(store.makePermanent(attempt, folder, [whole])).rejects.toMatchObject({ code: 'not_found' });
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

test('attempts that have something staged are known until they are dropped', async () => {
  expect(await store.stagedBefore(-1)).toEqual([]);
  await stage('one.bin', '1');
  expect(await store.stagedBefore(-1)).toEqual([attempt]);
  expect(await store.held(attempt, artifact('one.bin', '1'))).toEqual({ heldBytes: 1, isComplete: true });
  await store.drop(attempt);
  expect(await store.stagedBefore(-1)).toEqual([]);
});

describe('what is removed', () => {
  test('is gone with its answer, and bytes that another build shares stay', async () => {
    const first = await finish({ 'image.bin': 'shared', 'own.bin': 'own' });
    const other = { requestHash: 'b'.repeat(64), generation: secondGeneration };
    await finish({ 'copy.bin': 'shared' }, other);
    expect(await store.kept()).toHaveLength(2);
    const reading = await store.find(requestHash, 'own.bin');
    const stream = reading?.read();
    await new Promise((resolve) => stream?.once('open', resolve));
    await store.remove({ binDir: folder, requestHash: first.requestHash });
    await store.removeUnused(-1);
    expect(await store.has(folder)).toBe(false);
    expect(await store.find(requestHash, 'image.bin')).toBeUndefined();
    expect(await contentOf(other.requestHash, 'copy.bin')).toBe('shared');
    expect(stream && (await text(stream))).toBe('own');
    const left = await readdir(join(root, 'blobs'), { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile())).toHaveLength(1);
  });

  test('does not take along what was just made permanent and is not committed yet', async () => {
    const artifacts = [await stage('one.bin', '1')];
    await store.makePermanent(attempt, folder, artifacts);
    await store.removeUnused(-1);
    await store.commit(buildJson({ artifacts }));
    expect(await contentOf(requestHash, 'one.bin')).toBe('1');
  });
});

test('files of an attempt whose build was committed by another one are never served', async () => {
  const first = await stage('image.bin', 'made first');
  await store.makePermanent(attempt, folder, [first]);
  const second = `${requestHash}.${firstGeneration}.2`;
  const image = await stage('image.bin', 'made second', second);
  await store.makePermanent(second, folder, [image]);
  await store.commit(buildJson({ attempt: 2, attemptKey: second, artifacts: [image] }));
  await store.makePermanent(attempt, folder, [first]);
  await store.commit(buildJson({ artifacts: [first] }));
  const served = await store.find(folder, 'image.bin');
  expect(served?.sha256).toBe(image.sha256);
  expect(served && (await text(served.read()))).toBe('made second');
});
