import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { DISTRO_PATTERN, TARGET_PATTERN, VERSION_PATTERN } from './builder.ts';

/** Root filesystems a client may ask for. Source: asu, `build_request.py`. */
export const FILESYSTEMS = [
  'squashfs',
  'ext4',
  'ubifs',
  'erofs',
  'jffs2',
  'jffs2-nand',
  'targz',
  'cpiogz',
] as const;
export type Filesystem = (typeof FILESYSTEMS)[number];

/** A profile id; commas of board names are already underscores. */
export const PROFILE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$';
/** A package to install, or with a leading `-` to leave out. Holds nothing that make or a shell would read. */
export const PACKAGE_PATTERN = '^-?[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$';
/** A package version: `6.6.110.2025.02.14~e5fef138-r1`. */
export const PACKAGE_VERSION_PATTERN = '^[A-Za-z0-9_+.,~-]{1,128}$';
/** Also the most names one request may hold. */
export const MAX_PACKAGES = 2000;
/** Linux takes no single argument above 128 KiB (MAX_ARG_STRLEN, include/uapi/linux/binfmts.h); PACKAGES= is one. */
export const MAX_PACKAGES_BYTES = 64 * 1024;

/**
 * A build request, normalised against the catalog: aliases resolved, packages known. What is built, and all that is hashed.
 * Travels on NATS and lies in Redis.
 */
export const BuildSpecSchema = Type.Object({
  distro: Type.String({ pattern: DISTRO_PATTERN }),
  version: Type.String({ pattern: VERSION_PATTERN }),
  /** The revision the client insists on (`r28959-29397011cc`), or empty. */
  versionCode: Type.String({ pattern: '^[A-Za-z0-9_.-]{0,64}$' }),
  target: Type.String({ pattern: TARGET_PATTERN }),
  profile: Type.String({ pattern: PROFILE_PATTERN }),
  /** In the order asked for; each name once. */
  packages: Type.Array(Type.String({ pattern: PACKAGE_PATTERN }), { maxItems: MAX_PACKAGES }),
  /** Versions the manifest must show, by package name. */
  packagesVersions: Type.Record(Type.String(), Type.String({ pattern: PACKAGE_VERSION_PATTERN })),
  /** Whether default and device packages that are not in `packages` are left out. */
  diffPackages: Type.Boolean(),
  /** First-boot script, or null. May hold secrets: never logged, never answered. */
  defaults: Type.Union([Type.String(), Type.Null()]),
  rootfsSizeMb: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  filesystem: Type.Union([Type.Enum(FILESYSTEMS), Type.Null()]),
  /** Extra feeds by name. */
  repositories: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.-]+$' }), Type.String()),
  repositoriesMode: Type.Enum(['append', 'replace']),
  repositoryKeys: Type.Array(Type.String()),
});
export type BuildSpec = Static<typeof BuildSpecSchema>;

/** Who may take a build: any agent, or trusted ones only. */
export const LANES = ['open', 'trusted'] as const;
export type Lane = (typeof LANES)[number];
export const LaneSchema = Type.Enum(LANES);

/** A script may hold Wi-Fi keys, and a custom repository runs its own code: both are for trusted agents. */
export function laneOf(spec: BuildSpec): Lane {
  const isPrivate = spec.defaults !== null || Object.keys(spec.repositories).length > 0;
  return isPrivate || spec.repositoryKeys.length > 0 ? 'trusted' : 'open';
}

/** Changes whenever the encoding below does, so that old and new hashes never meet. */
const ENCODING = 'wrtfarm build 1';

/**
 * The request hash: sha256 over a versioned encoding in which every value carries its length, so that no two different
 * specs encode alike (CVE-2024-54143 came from a truncated hash over joined strings). The order of packages, keys and
 * repositories is not in it.
 * @returns 64 hex digits.
 */
export function requestHash(spec: BuildSpec): string {
  return createHash('sha256').update(encodeBuildSpec(spec)).digest('hex');
}

/** The bytes that `requestHash` hashes: netstrings (`<byte length>:<bytes>,`), lists and maps preceded by their count. */
export function encodeBuildSpec(spec: BuildSpec): string {
  // Nearly every request is ASCII, where characters are bytes; that this one is shows in the whole text at once.
  const text = encodeWith(charactersOf, spec);
  return Buffer.byteLength(text) === text.length ? text : encodeWith(Buffer.byteLength, spec);
}

type LengthOf = (value: string) => number;

function encodeWith(lengthOf: LengthOf, spec: BuildSpec): string {
  const one = (value: string): string => `${lengthOf(value)}:${value},`;
  return (
    one(ENCODING) +
    one(spec.distro) +
    one(spec.version) +
    one(spec.versionCode) +
    one(spec.target) +
    one(spec.profile) +
    encodeList(lengthOf, sorted(spec.packages)) +
    encodeMap(lengthOf, spec.packagesVersions) +
    one(String(spec.diffPackages)) +
    encodeList(lengthOf, spec.defaults === null ? [] : [spec.defaults]) +
    encodeList(lengthOf, spec.rootfsSizeMb === null ? [] : [String(spec.rootfsSizeMb)]) +
    encodeList(lengthOf, spec.filesystem === null ? [] : [spec.filesystem]) +
    encodeMap(lengthOf, spec.repositories) +
    one(spec.repositoriesMode) +
    encodeList(lengthOf, sorted(spec.repositoryKeys))
  );
}

function encodeMap(lengthOf: LengthOf, entries: Readonly<Record<string, string>>): string {
  return encodeList(
    lengthOf,
    sorted(Object.keys(entries)).flatMap((key) => [key, entries[key] ?? '']),
  );
}

function encodeList(lengthOf: LengthOf, values: readonly string[]): string {
  const count = String(values.length);
  let text = `${count.length}:${count},`;
  for (const value of values) text += `${lengthOf(value)}:${value},`;
  return text;
}

function charactersOf(value: string): number {
  return value.length;
}

/** Each once, in the order of UTF-16 units. */
function sorted(values: readonly string[]): readonly string[] {
  const all = [...values].sort();
  const isNew = (value: string, at: number): boolean => at === 0 || value !== all[at - 1];
  return all.every(isNew) ? all : all.filter(isNew);
}
