import type { Builder } from '../../shared/domain/builder.ts';
import { branchOf, versionPath } from './branches.ts';
import type { Documents } from './documents.ts';
import { FEEDS_CONF, INDEX_JSON, PACKAGES, PACKAGES_ADB, PACKAGES_GZ } from './package-index.ts';
import type { NameSet, PackageNames } from './package-names.ts';
import type { TargetProfiles } from './profiles.ts';
import { hasSplitKmods } from './versions.ts';

/** Inside every ImageBuilder, in no feed. Source: openwrt, target/imagebuilder/Makefile. */
const BUILT_IN = ['base-files', 'libc', 'kernel'];
/** One folder of packages: its index, and where to look for what an index leaves out. */
interface PackageFolder {
  readonly path: string;
  readonly names: NameSet;
  /** Whether `names` already holds provided and ABI-suffixed names. */
  readonly isComplete: boolean;
}

/** The folders that a builder installs from. */
interface BuilderFolders {
  readonly folders: readonly PackageFolder[];
  /** Upstream keeps kernel modules apart but does not list them, so that none is known to be missing. */
  readonly areKmodsUnlisted: boolean;
}

/** What can be installed with exactly one builder. */
export interface PackageCatalog {
  /**
   * The names that upstream has under no spelling.
   * @throws FarmError `unavailable` when some index cannot be read: then only the build can tell.
   */
  unknown(names: readonly string[]): Promise<readonly string[]>;
  /** Every name in the indexes, for finding what may have been meant. */
  names(): Iterable<string>;
}

/**
 * The packages of a builder and a profile, from the target's own index, its kernel modules and all feeds; undefined when
 * upstream has no such indexes, so that only the build can tell. Throws `unavailable` when one cannot be read.
 */
export async function readPackages(
  documents: Documents,
  builder: Builder,
  profiles: TargetProfiles,
  profile: string,
): Promise<PackageCatalog | undefined> {
  const read = await readFolders(documents, builder, profiles);
  if (!read) return undefined;
  const { folders, areKmodsUnlisted } = read;
  const installed = new Set([
    ...BUILT_IN,
    ...profiles.defaultPackages,
    ...(profiles.profiles.get(profile) ?? []),
  ]);
  const isKnown = (name: string): boolean =>
    folders.some((folder) => folder.names.has(name)) ||
    installed.has(name) ||
    (areKmodsUnlisted && name.startsWith('kmod-'));
  return {
    unknown: async (names) => {
      const strange = names.filter((name) => !isKnown(name));
      return strange.length === 0 ? [] : withoutHidden(documents, folders, strange);
    },
    *names() {
      for (const folder of folders) yield* folder.names;
    },
  };
}

async function readFolders(
  documents: Documents,
  builder: Builder,
  profiles: TargetProfiles,
): Promise<BuilderFolders | undefined> {
  const branch = branchOf(builder.version, documents.distribution);
  if (!branch) return undefined;
  const root = versionPath(branch, builder.version);
  const [target, kmods, feeds] = await Promise.all([
    readFolder(documents, `${root}/targets/${builder.target}/packages`),
    readKmods(documents, `${root}/targets/${builder.target}`, builder.version, profiles),
    readFeeds(documents, `${root}/packages/${profiles.architecture}`),
  ]);
  if (!target || !feeds) return undefined;
  return {
    folders: [target, ...(kmods.folder ? [kmods.folder] : []), ...feeds],
    areKmodsUnlisted: kmods.areUnlisted,
  };
}

/**
 * Leaves out names that only the package manager's own indexes show: provided and ABI-suffixed ones. Where upstream has no
 * such index, a listed name with digits after it passes for its ABI-suffixed form (`libubox` → `libubox20240329`, and
 * `libpython3` → `libpython3-3.11`; openwrt, include/package.mk, FormatABISuffix), and the build decides.
 */
async function withoutHidden(
  documents: Documents,
  folders: readonly PackageFolder[],
  names: readonly string[],
): Promise<readonly string[]> {
  const deeper = await Promise.all(
    folders.filter((folder) => !folder.isComplete).map((folder) => readDeeper(documents, folder)),
  );
  const isShown = (name: string): boolean => deeper.some((index) => index.has(name));
  return names.filter((name) => !isShown(name));
}

async function readDeeper(documents: Documents, folder: PackageFolder): Promise<PackageNames> {
  return (
    (await readOpkgIndex(documents, folder.path)) ??
    (await documents.read(PACKAGES_ADB, `${folder.path}/packages.adb`)) ??
    guessed(folder.names)
  );
}

const GUESSED = new WeakMap<NameSet, PackageNames>();

/** Either spelling may be the one that is listed: index.json has ABI suffixes before its version 2 and none from then on. */
function guessed(listed: NameSet): PackageNames {
  const known = GUESSED.get(listed) ?? guessFrom(listed);
  GUESSED.set(listed, known);
  return known;
}

function guessFrom(listed: NameSet): PackageNames {
  const bare = new Set([...listed].flatMap(withoutAbi));
  return { has: (name) => bare.has(name) || withoutAbi(name).some((each) => listed.has(each)) };
}

async function readOpkgIndex(documents: Documents, path: string): Promise<NameSet | undefined> {
  const plain = await documents.read(PACKAGES, `${path}/Packages`);
  return plain ?? (await documents.read(PACKAGES_GZ, `${path}/Packages.gz`));
}

/** What a name may be without an ABI suffix: digits, letters and dots from a digit on, behind a dash where a digit precedes. */
function withoutAbi(name: string): readonly string[] {
  const starts = [...name.matchAll(/(?<!\d)\d/g)].map((match) => match.index);
  return starts
    .filter((start) => /^[\w.]+$/.test(name.slice(start)))
    .map((start) => name.slice(0, start).replace(/(?<=\d)-$/, ''));
}

async function readFolder(documents: Documents, path: string): Promise<PackageFolder | undefined> {
  const json = await documents.read(INDEX_JSON, `${path}/index.json`);
  if (json && json.version >= 2) return { path, names: json.names, isComplete: false };
  const packages = await readOpkgIndex(documents, path);
  if (packages) return { path, names: packages, isComplete: true };
  if (json) return { path, names: json.names, isComplete: false };
  // apk's own index can be asked for names, though not listed.
  const adb = await documents.read(PACKAGES_ADB, `${path}/packages.adb`);
  return adb && { path, names: new Set(), isComplete: false };
}

/** Undefined when upstream does not say which feeds there are. A feed without packages for this architecture is left out. */
async function readFeeds(documents: Documents, path: string): Promise<readonly PackageFolder[] | undefined> {
  const feeds = await documents.read(FEEDS_CONF, `${path}/feeds.conf`);
  if (!feeds) return undefined;
  const folders = await Promise.all(feeds.map((feed) => readFolder(documents, `${path}/${feed}`)));
  return folders.filter((folder) => folder !== undefined);
}

async function readKmods(
  documents: Documents,
  path: string,
  version: string,
  profiles: TargetProfiles,
): Promise<{ readonly folder: PackageFolder | undefined; readonly areUnlisted: boolean }> {
  if (!hasSplitKmods(version)) return { folder: undefined, areUnlisted: false };
  if (!profiles.kernel) return { folder: undefined, areUnlisted: true };
  const folder = await readFolder(documents, `${path}/kmods/${profiles.kernel}`);
  return { folder, areUnlisted: folder === undefined };
}
