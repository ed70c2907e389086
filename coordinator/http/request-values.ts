import {
  FILESYSTEMS,
  type Filesystem,
  MAX_PACKAGES,
  MAX_PACKAGES_BYTES,
  PACKAGE_PATTERN,
  PACKAGE_VERSION_PATTERN,
} from '../../shared/domain/build-spec.ts';
import {
  MAX_DEFAULTS_LENGTH,
  MAX_REPOSITORIES,
  MAX_REPOSITORY_KEY_LENGTH,
  MAX_REPOSITORY_KEYS,
  MAX_REPOSITORY_URL_LENGTH,
  MAX_ROOTFS_SIZE_MB,
} from '../catalog/limits.ts';
import type { FieldProblems } from './field-problems.ts';
import {
  ownPattern,
  pythonPattern,
  readEntries,
  readInteger,
  readList,
  readLiteral,
  readText,
  type TextRules,
} from './field-readers.ts';
import type { Reader } from './request-model.ts';

/*
 * How each field of a build request is read: by the rules of asu's model (contract 2.2), and by our own patterns where make or
 * a file name would see the value. Distro, version, target and profile need none: they are looked up in the catalog, which
 * knows only names fit for a builder.
 */

/** Longest value of a field that is a name, characters. */
const MAX_NAME_LENGTH = 256;
/** Longest client name that is kept, characters. */
const MAX_CLIENT_LENGTH = 128;
/** Root filesystems that routers run but nobody can ask for. Source: `rootfs_type` in `ubus call system board`. */
const RUNNING_FILESYSTEMS: readonly unknown[] = ['', 'initramfs', 'f2fs', 'tmpfs'];

const ASU_NAME = pythonPattern('^[\\w.,-]*$');
const PACKAGE = names(ASU_NAME, ownPattern(PACKAGE_PATTERN));
const PACKAGE_VERSION = names(pythonPattern('^[\\w+.,~-]*$'), ownPattern(PACKAGE_VERSION_PATTERN));
/** `__proto__` would not survive as a key. */
const REPOSITORY_NAME = names(pythonPattern('^[\\w.-]+$'), ownPattern('^(?!__proto__$)[A-Za-z0-9_.-]+$'));
const REPOSITORY_URL = {
  patterns: [ownPattern('^https?://\\S+$')],
  maxLength: MAX_REPOSITORY_URL_LENGTH,
};

export const readName = textReader(names(ASU_NAME));
export const readTarget = textReader(names(pythonPattern('^[\\w]*/[\\w]*$')));
export const readVersionCode = textReader(names(ASU_NAME, ownPattern('^[A-Za-z0-9_.-]{0,64}$')));
export const readDefaults = textReader({ patterns: [], maxLength: MAX_DEFAULTS_LENGTH });

/** A name may be empty: the Firmware Selector splits a text at blanks. */
export const readPackages: Reader<readonly string[]> = (problems, loc, value) => {
  const items = readList(problems, loc, value, MAX_PACKAGES);
  const packages = items
    ?.map((item, at) => (item === '' ? undefined : readText(problems, [...loc, at], item, PACKAGE)))
    .filter((name) => name !== undefined);
  return packages && limitBytes(problems, loc, packages, packages);
};

export const readPackagesVersions: Reader<Readonly<Record<string, string>>> = (problems, loc, value) => {
  const entries = readPairs(problems, loc, value, MAX_PACKAGES, PACKAGE, PACKAGE_VERSION);
  return entries && limitBytes(problems, loc, Object.keys(entries), entries);
};

export const readRootfsSize: Reader<number> = (problems, loc, value) =>
  readInteger(problems, loc, value, { min: 1, max: MAX_ROOTFS_SIZE_MB });

/** Null for what a router runs from but nobody can build. */
export const readFilesystem: Reader<Filesystem | null> = (problems, loc, value) =>
  RUNNING_FILESYSTEMS.includes(value) ? null : readLiteral(problems, loc, value, FILESYSTEMS);

export const readRepositories: Reader<Readonly<Record<string, string>>> = (problems, loc, value) =>
  readPairs(problems, loc, value, MAX_REPOSITORIES, REPOSITORY_NAME, REPOSITORY_URL);

export const readRepositoriesMode: Reader<'append' | 'replace'> = (problems, loc, value) =>
  readLiteral(problems, loc, value, ['append', 'replace']);

export const readRepositoryKeys: Reader<readonly string[]> = (problems, loc, value) =>
  readList(problems, loc, value, MAX_REPOSITORY_KEYS)
    ?.map((item, at) =>
      readText(problems, [...loc, at], item, { patterns: [], maxLength: MAX_REPOSITORY_KEY_LENGTH }),
    )
    .filter((key) => key !== undefined);

/** Any text, cut where it is too long. */
export const readClient: Reader<string> = (problems, loc, value) => {
  const text = readText(problems, loc, value, { patterns: [], maxLength: Number.POSITIVE_INFINITY });
  return text === undefined
    ? undefined
    : [...text.slice(0, 2 * MAX_CLIENT_LENGTH)].slice(0, MAX_CLIENT_LENGTH).join('');
};

function names(...patterns: TextRules['patterns']): TextRules {
  return { patterns, maxLength: MAX_NAME_LENGTH };
}

function textReader(rules: TextRules): Reader<string> {
  return (problems, loc, value) => readText(problems, loc, value, rules);
}

function readPairs(
  problems: FieldProblems,
  loc: readonly (string | number)[],
  value: unknown,
  maxItems: number,
  keyRules: TextRules,
  valueRules: TextRules,
): Readonly<Record<string, string>> | undefined {
  const pairs = readEntries(problems, loc, value, maxItems)?.map(
    ([key, item]) =>
      [
        readText(problems, [...loc, key, '[key]'], key, keyRules),
        readText(problems, [...loc, key], item, valueRules),
      ] as const,
  );
  return (
    pairs &&
    Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => !pair.includes(undefined)))
  );
}

/** PACKAGES is one argument of make, and Linux limits the length of one. */
function limitBytes<T>(
  problems: FieldProblems,
  loc: readonly (string | number)[],
  packages: readonly string[],
  value: T,
): T | undefined {
  const sizeBytes = Buffer.byteLength(packages.join(' '));
  if (sizeBytes <= MAX_PACKAGES_BYTES) return value;
  const msg = `Package names should have at most ${MAX_PACKAGES_BYTES} bytes together, not ${sizeBytes}`;
  const ctx = { field_type: 'Packages', max_length: MAX_PACKAGES_BYTES, actual_length: sizeBytes };
  return problems.add('too_long', loc, msg, null, ctx);
}
