import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../../../shared/digest.ts';
import type { UsignKeyPair } from '../../../shared/usign.ts';
import { BASE_PACKAGES } from './base-packages.ts';
import { FEED_PACKAGES } from './feed-packages.ts';
import { archiveName, buildArchive, IMAGE_BUILDER_ASSETS } from './imagebuilder-archive.ts';
import { KERNEL_PACKAGES } from './kernel-packages.ts';
import { KNOB_PACKAGES } from './knob-packages.ts';
import { buildLightArchive, LIGHT_ASSETS } from './light-imagebuilder.ts';
import { MINI_TARGETS, type MiniTarget } from './mini-targets.ts';
import { kmodsFolder, MINI_VERSIONS, MINI_VERSIONS_JSON, type MiniVersion } from './mini-versions.ts';
import { writeFeed } from './package-feed.ts';
import { buildPackage } from './package-file.ts';
import { ARCHITECTURE_FEEDS, type FeedName, type PackageSpec } from './package-spec.ts';
import { publishedProfiles } from './published-profiles.ts';
import { loadSigningKey } from './signing-key.ts';

/** A mirror tree on disk. */
export interface WrittenUpstream {
  readonly root: string;
  /** Text of the usign public key file that signs `sha256sums` and package indexes. */
  readonly publicKeyFile: string;
  /** That file: `<root>.pub`. */
  readonly publicKeyPath: string;
  /** False when the tree of this code and key was there already. */
  readonly written: boolean;
}

export interface WriteUpstreamOptions {
  /** Versions to write; default: all of `MINI_VERSIONS`. */
  readonly versions?: readonly string[];
  /** Targets to write; default: all of `MINI_TARGETS`. */
  readonly targets?: readonly string[];
  /** Whose mirror it is; default: OpenWrt's. */
  readonly distro?: string;
  /** `light`: ImageBuilders that only look like ones, see `buildLightArchive`. Default `mini`. */
  readonly imageBuilder?: ImageBuilderKind;
}

type ImageBuilderKind = 'mini' | 'light';

export const VERSIONS_FILE = '.versions.json';
const ALL_PACKAGES: readonly PackageSpec[] = [
  ...BASE_PACKAGES,
  ...KERNEL_PACKAGES,
  ...FEED_PACKAGES,
  ...KNOB_PACKAGES,
];

/**
 * Writes the miniature mirror below `root`, whole or not at all; safe to repeat, and quick when it is there already. Its signing
 * key is made once and kept beside the tree in `<root>.seed`, the public half in `<root>.pub`.
 * @throws FarmError `failed_precondition` where `xz` or `zstd` is missing.
 */
export async function writeUpstream(
  root: string,
  options: WriteUpstreamOptions = {},
): Promise<WrittenUpstream> {
  const { distro, imageBuilder = 'mini' } = options;
  const versions = MINI_VERSIONS.filter((each) => options.versions?.includes(each.version) ?? true).map(
    (each) => (distro === undefined ? each : { ...each, distro }),
  );
  const targets = MINI_TARGETS.filter((each) => options.targets?.includes(each.name) ?? true);
  await mkdir(join(root, '..'), { recursive: true });
  const key = await loadSigningKey(`${root}.seed`);
  const publicKeyPath = `${root}.pub`;
  await writeFile(publicKeyPath, key.publicKeyFile);
  const assets = imageBuilder === 'light' ? LIGHT_ASSETS : IMAGE_BUILDER_ASSETS;
  const stamp = await fingerprint([key.keyId, versions, targets, imageBuilder], assets);
  const result = { root, publicKeyFile: key.publicKeyFile, publicKeyPath };
  const there = existsSync(join(root, VERSIONS_FILE));
  if (there && (await readFile(`${root}.stamp`, 'utf8').catch(() => '')) === stamp) {
    return { ...result, written: false };
  }

  const draft = `${root}.${randomBytes(4).toString('hex')}`;
  try {
    await writeTree(draft, versions, targets, key, imageBuilder);
    await rm(`${root}.stamp`, { force: true });
    await rm(root, { recursive: true, force: true });
    await rename(draft, root);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  await writeFile(`${root}.stamp`, stamp);
  return { ...result, written: true };
}

/** Changes with the options, this folder's code and the ImageBuilder's files. */
async function fingerprint(options: unknown, assets: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(options));
  const folders = [import.meta.dirname, assets];
  for (const folder of folders) {
    const entries = await readdir(folder, {
      recursive: folder === assets,
      withFileTypes: true,
    });
    const paths = entries.filter((each) => each.isFile() && !/\.test\.|\.md$/.test(each.name));
    for (const path of paths.map((each) => join(each.parentPath, each.name)).sort()) {
      hash.update(await readFile(path));
    }
  }
  return hash.digest('hex');
}

async function writeTree(
  root: string,
  versions: readonly MiniVersion[],
  targets: readonly MiniTarget[],
  key: UsignKeyPair,
  imageBuilder: ImageBuilderKind,
): Promise<void> {
  await mkdir(root, { recursive: true });
  await writeFile(join(root, VERSIONS_FILE), JSON.stringify(MINI_VERSIONS_JSON));
  for (const version of versions) await writeVersion(root, version, targets, key, imageBuilder);
}

/** Writes one version below the mirror's root; that it is there stands elsewhere, in `.versions.json`. */
export async function writeVersion(
  root: string,
  version: MiniVersion,
  targets: readonly MiniTarget[],
  key: UsignKeyPair,
  imageBuilder: ImageBuilderKind = 'mini',
): Promise<void> {
  const folder = join(root, version.path);
  await mkdir(folder, { recursive: true });
  const architectures = Object.fromEntries(targets.map((each) => [each.name, each.architecture]));
  await writeFile(join(folder, '.targets.json'), JSON.stringify(architectures));
  await writeFile(join(folder, '.overview.json'), JSON.stringify(overview(version, targets)));
  for (const target of targets) await writeTarget(root, version, target, key, imageBuilder);
}

/** What the Firmware Selector finds devices in. Source: firmware-selector, which reads `profiles` of it. */
function overview(version: MiniVersion, targets: readonly MiniTarget[]): object {
  const profiles = targets.flatMap((target) =>
    target.profiles.map(({ id, titles }) => ({ id, target: target.name, titles })),
  );
  return { profiles, release: version.version };
}

/** Writes one target of one version below the mirror's root, in place of what is there. */
export async function writeTarget(
  root: string,
  version: MiniVersion,
  target: MiniTarget,
  key: UsignKeyPair,
  imageBuilder: ImageBuilderKind = 'mini',
): Promise<void> {
  const context = { version, target, key };
  const folder = join(root, version.path);
  const packages = ALL_PACKAGES.filter(
    (spec) =>
      (spec.versions?.includes(version.like ?? version.version) ?? true) &&
      (spec.targets?.includes(target.name) ?? true),
  ).map((spec) => buildPackage(spec, version, target));
  const inFeed = (feed: FeedName) => packages.filter((each) => each.spec.feed === feed);

  const ofTarget = join(folder, 'targets', target.name);
  const ofArchitecture = join(folder, 'packages', target.architecture);
  await writeFeed(join(ofTarget, 'packages'), inFeed('target'), context);
  await writeFeed(join(ofTarget, 'kmods', kmodsFolder(version, target.name)), inFeed('kmods'), context);
  for (const feed of ARCHITECTURE_FEEDS) {
    await writeFeed(join(ofArchitecture, feed), inFeed(feed), context);
  }
  const feedsConf = ARCHITECTURE_FEEDS.map(
    (feed) => `src-git ${feed} https://git.openwrt.org/feed/${feed}.git`,
  );
  await writeFile(join(ofArchitecture, 'feeds.conf'), `${feedsConf.join('\n')}\n`);
  await writeSigned(
    ofTarget,
    {
      [archiveName(version, target)]:
        imageBuilder === 'light'
          ? await buildLightArchive(version, target)
          : await buildArchive(version, target, packages, key),
      'profiles.json': publishedProfiles(version, target),
      'version.buildinfo': `${version.versionCode}\n`,
    },
    key,
  );
}

/** Writes the files with their `sha256sums` and its signature. */
async function writeSigned(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  key: UsignKeyPair,
): Promise<void> {
  const sums = Object.entries(files).map(([name, data]) => `${sha256Hex(data)} *${name}\n`);
  const all = {
    ...files,
    sha256sums: sums.join(''),
    'sha256sums.sig': key.sign(Buffer.from(sums.join(''))),
  };
  await Promise.all(Object.entries(all).map(([name, data]) => writeFile(join(folder, name), data)));
}
