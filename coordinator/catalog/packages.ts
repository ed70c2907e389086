import type { Clock } from '../../shared/clock.ts';
import type { Builder } from '../../shared/domain/builder.ts';
import { branchOf, versionPath } from './branches.ts';
import type { Documents } from './documents.ts';
import { FEEDS_CONF, INDEX_JSON, PACKAGES, PACKAGES_ADB, PACKAGES_GZ } from './package-index.ts';
import type { NameSet, PackageNames } from './package-names.ts';
import type { TargetProfiles } from './profiles.ts';
import { hasSplitKmods } from './versions.ts';

/** Inside every ImageBuilder, in no feed. Source: openwrt, target/imagebuilder/Makefile. */
const BUILT_IN = ['base-files', 'libc', 'kernel'];
/** For this long a builder's dozen of indexes is not even looked at again, milliseconds; little beside how long each is fresh. */
const GLANCE_MS = 1_000;
/** Builders whose indexes are held together. */
const MAX_BUILDERS = 500;

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
  /** Names that were found in some folder: most are asked for again and again. */
  readonly found: Set<string>;
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

/** The packages of builders, from the target's own index, its kernel modules and all feeds. */
export class PackageCatalogs {
  readonly #documents: Documents;
  readonly #clock: Clock;
  /** By builder and kernel, in the order they were looked at. */
  readonly #seen = new Map<string, { readonly at: number; readonly folders: BuilderFolders | undefined }>();

  constructor(documents: Documents, clock: Clock) {
    this.#documents = documents;
    this.#clock = clock;
  }

  /**
   * The packages of a builder and a profile; undefined when upstream has no such indexes, so that only the build can tell.
   * Throws `unavailable` when one cannot be read.
   */
  async read(
    builder: Builder,
    profiles: TargetProfiles,
    profile: string,
  ): Promise<PackageCatalog | undefined> {
    const key = `${builder.version} ${builder.target} ${profiles.architecture} ${profiles.kernel}`;
    const now = this.#clock.now();
    const seen = this.#seen.get(key);
    const isRecent = seen && now >= seen.at && now - seen.at < GLANCE_MS;
    const folders = isRecent ? seen.folders : await this.#look(key, builder, profiles, seen?.folders);
    return folders && this.#catalogOf(folders, profiles, profile);
  }

  async #look(
    key: string,
    builder: Builder,
    profiles: TargetProfiles,
    before: BuilderFolders | undefined,
  ): Promise<BuilderFolders | undefined> {
    const at = this.#clock.now();
    const read = await readFolders(this.#documents, builder, profiles);
    const folders = read && before && isSame(read, before) ? before : read;
    this.#seen.delete(key);
    this.#seen.set(key, { at, folders });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_BUILDERS) break;
      this.#seen.delete(oldest);
    }
    return folders;
  }

  #catalogOf(from: BuilderFolders, profiles: TargetProfiles, profile: string): PackageCatalog {
    const { folders, areKmodsUnlisted, found } = from;
    const isListed = (name: string): boolean => {
      if (found.has(name)) return true;
      if (!folders.some((folder) => folder.names.has(name))) return false;
      found.add(name);
      return true;
    };
    const isInstalled = (name: string): boolean =>
      BUILT_IN.includes(name) ||
      profiles.defaultPackages.includes(name) ||
      (profiles.profiles.get(profile)?.includes(name) ?? false);
    return {
      unknown: async (names) => {
        const unlisted = names.filter((name) => !isListed(name));
        if (unlisted.length === 0) return [];
        const strange = unlisted.filter(
          (name) => !isInstalled(name) && !(areKmodsUnlisted && name.startsWith('kmod-')),
        );
        return strange.length === 0 ? [] : withoutHidden(this.#documents, folders, strange);
      },
      *names() {
        for (const folder of folders) yield* folder.names;
      },
    };
  }
}

function isSame(left: BuilderFolders, right: BuilderFolders): boolean {
  return (
    left.areKmodsUnlisted === right.areKmodsUnlisted &&
    left.folders.length === right.folders.length &&
    left.folders.every((folder, at) => folder.names === right.folders[at]?.names)
  );
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
    found: new Set(),
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

/** Either spelling may be the one that is listed: index.json has ABI suffixes before its version 2 and none from then on. */
function guessed(listed: NameSet): PackageNames {
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
