import { copyFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CatalogSize,
  KMODS_FOLDER,
  type LargeTarget,
  largeFeeds,
  largeProfilesJson,
  largeSha256sums,
  largeTargetIndexes,
  largeTargets,
  REAL_SIZE,
} from './large-catalog-content.ts';

/** Changes with what is written, so that a tree of another code is written anew. */
const FORMAT = 'wrtfarm large catalog 1';

/** Releases of the large catalog with their revisions, newest first. */
export const LARGE_RELEASES: readonly (readonly [version: string, versionCode: string])[] = [
  ['25.12.1', 'r33101-0a1b2c3d4e'],
  ['25.12.0', 'r33051-f5dae5ece4'],
  ['24.10.4', 'r28959-29397011cc'],
  ['24.10.3', 'r28872-daca7c049b'],
  ['23.05.6', 'r24106-10cc5fcd00'],
  ['22.03.7', 'r20341-591b7e93d3'],
];

export interface LargeCatalogOptions {
  /** Default: that of a real release. */
  readonly size?: CatalogSize;
  /** The newest so many of `LARGE_RELEASES`; default all. */
  readonly releases?: number;
}

/**
 * Writes the metadata of a mirror of real size below `root`: everything a catalog reads, no ImageBuilders and no images. The
 * same options give the same bytes; a tree that is there already is kept. Takes a second or two and 150 MB of disk.
 */
export async function writeLargeCatalog(root: string, options: LargeCatalogOptions = {}): Promise<void> {
  const size = options.size ?? REAL_SIZE;
  const releases = LARGE_RELEASES.slice(0, options.releases ?? LARGE_RELEASES.length);
  const stamp = JSON.stringify([FORMAT, size, releases]);
  if ((await readFile(join(root, '.stamp'), 'utf8').catch(() => '')) === stamp) return;
  const draft = `${root}.draft`;
  await rm(draft, { recursive: true, force: true });
  const targets = largeTargets(size);
  for (const [at, release] of releases.entries()) await writeRelease(draft, release, targets, size, at);
  const versions = releases.map(([version]) => version);
  await write(draft, '.versions.json', {
    stable_version: versions[0],
    oldstable_version: versions.find((version) => !version.startsWith(versions[0]?.slice(0, 5) ?? '')) ?? '',
    upcoming_version: '',
    versions_list: versions,
  });
  await write(draft, '.stamp', stamp);
  await rm(root, { recursive: true, force: true });
  await rename(draft, root);
}

async function writeRelease(
  root: string,
  [version, versionCode]: readonly [string, string],
  targets: readonly LargeTarget[],
  size: CatalogSize,
  seed: number,
): Promise<void> {
  const folder = join(root, 'releases', version);
  await write(
    folder,
    '.targets.json',
    Object.fromEntries(targets.map((each) => [each.name, each.architecture])),
  );
  for (const target of targets) {
    const ofTarget = join(folder, 'targets', target.name);
    const profiles = largeProfilesJson(version, versionCode, target);
    const { packages, kmods } = largeTargetIndexes(target.architecture, seed);
    await Promise.all([
      write(ofTarget, 'profiles.json', profiles),
      write(ofTarget, 'sha256sums', largeSha256sums(version, target, profiles)),
      write(ofTarget, 'packages/index.json', packages),
      write(ofTarget, `kmods/${KMODS_FOLDER}/index.json`, kmods),
    ]);
  }
  await writeFeeds(join(folder, 'packages'), targets, size, seed);
}

/** Real architectures differ in few packages; here they share the files of the first, but for its own. */
async function writeFeeds(
  folder: string,
  targets: readonly LargeTarget[],
  size: CatalogSize,
  seed: number,
): Promise<void> {
  const [first = '', ...others] = new Set(targets.map(({ architecture }) => architecture));
  const feeds = largeFeeds(size, first, seed);
  const feedsConf = [...feeds.keys()].map(
    (feed) => `src-git ${feed} https://git.openwrt.org/feed/${feed}.git\n`,
  );
  for (const [feed, index] of feeds) await write(join(folder, first), `${feed}/index.json`, index);
  await write(join(folder, first), 'feeds.conf', feedsConf.join(''));
  for (const other of others) {
    for (const name of [...[...feeds.keys()].map((feed) => `${feed}/index.json`), 'feeds.conf']) {
      await share(join(folder, first, name), join(folder, other, name));
    }
  }
}

async function share(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch(() => copyFile(from, to));
}

async function write(folder: string, name: string, content: string | object): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
}
