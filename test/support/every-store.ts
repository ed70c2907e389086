import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArtifactStore } from '../../coordinator/artifacts/artifact-store.ts';
import { DirectoryStore } from '../../coordinator/artifacts/directory-store.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { openTestS3Store } from './open-s3-store.ts';
import { startS3 } from './servers/start-s3.ts';

/** An empty artifact store of a test. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: ArtifactStore;
  /** The same store as another coordinator has it. */
  another(): Promise<ArtifactStore>;
  /** How many files of finished builds there are. */
  files(): Promise<number>;
}

async function inFolder(): Promise<OpenedStore> {
  const root = await mkdtemp(join(tmpdir(), 'wrtfarm-store-'));
  return {
    store: new DirectoryStore(root),
    another: async () => new DirectoryStore(root),
    files: async () => {
      const found = await readdir(join(root, 'blobs'), { recursive: true, withFileTypes: true });
      return found.filter((entry) => entry.isFile()).length;
    },
    [Symbol.asyncDispose]: async () => {
      await rm(root, { recursive: true });
    },
  };
}

async function inBucket(options: Parameters<typeof startS3>[0]): Promise<OpenedStore> {
  const opened = new Disposers();
  const s3 = opened.use('S3', await startS3(options));
  const open = async (): Promise<ArtifactStore> => opened.use('store', await openTestS3Store(s3)).store;
  return {
    store: await open(),
    another: open,
    files: async () => s3.objects.keys('files/').length,
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** Artifact stores of every kind, and buckets of different habits: what holds for one holds for all. */
export const EVERY_STORE: readonly (readonly [where: string, open: () => Promise<OpenedStore>])[] = [
  ['a folder', inFolder],
  ['a bucket', () => inBucket({})],
  ['a bucket that lists a little at a time', () => inBucket({ pageSize: 1 })],
  ['a bucket that ignores conditions', () => inBucket({ conditions: 'ignored' })],
  ['a bucket that refuses conditions', () => inBucket({ conditions: 'refused' })],
];
