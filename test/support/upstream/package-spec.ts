/** Where a package is published: with the target, with its kernel modules, or in a feed of the architecture. */
export type FeedName = 'target' | 'kmods' | 'base' | 'luci' | 'packages';

/** The feeds of an architecture, as in `feeds.conf`. */
export const ARCHITECTURE_FEEDS = ['base', 'luci', 'packages'] as const satisfies readonly FeedName[];

/** What a package of the miniature is, for all versions and architectures. */
export interface PackageSpec {
  /** Without ABI version: `libncurses`. */
  readonly name: string;
  /** Upstream's version, without the package's release; absent: the kernel's, or the revision's for base-files. */
  readonly version?: string;
  readonly feed: FeedName;
  /** Names as packages know each other, with their ABI version: `libncurses6`. */
  readonly depends?: readonly string[];
  readonly provides?: readonly string[];
  /** Of opkg; apk packages carry no conflicts. */
  readonly conflicts?: readonly string[];
  /** Part of the package's name in files and manifests, but not in the index. */
  readonly abiVersion?: string;
  /** `all` for scripts; default: the target's. */
  readonly architecture?: 'all';
  /** Start priority of an init script of the package's name. */
  readonly service?: number;
  /** Text by path, in place of the default file. A path below `bin`, `sbin` or `usr/bin` is executable. */
  readonly files?: Readonly<Record<string, string>>;
  /** Target by path of symbolic links. */
  readonly links?: Readonly<Record<string, string>>;
  readonly postInstall?: string;
  /** The versions that have it; default: all. */
  readonly versions?: readonly string[];
  /** The targets that have it; default: all. */
  readonly targets?: readonly string[];
  /** In the index, but its file is not there. */
  readonly missingUpstream?: true;
}

/** Adds a feed to a table of `[name, version, rest]`. */
export function inFeed(
  feed: FeedName,
  rows: readonly (readonly [
    name: string,
    version: string | undefined,
    rest?: Omit<PackageSpec, 'name' | 'feed'>,
  ])[],
): PackageSpec[] {
  return rows.map(([name, version, rest]) => ({ name, feed, ...(version ? { version } : {}), ...rest }));
}
