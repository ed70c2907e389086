import { type TSchema, Type } from 'typebox';
import {
  FILESYSTEMS,
  type Filesystem,
  MAX_PACKAGES,
  MAX_PACKAGES_BYTES,
  PACKAGE_PATTERN,
  PACKAGE_VERSION_PATTERN,
} from '../../shared/domain/build-spec.ts';
import type { RequestLimits } from '../catalog/distribution.ts';
import {
  MAX_REPOSITORIES,
  MAX_REPOSITORY_KEY_LENGTH,
  MAX_REPOSITORY_KEYS,
  MAX_REPOSITORY_URL_LENGTH,
} from '../catalog/limits.ts';
import type { FieldProblems } from './field-problems.ts';
import {
  isUsual,
  ownPattern,
  pythonPattern,
  readBoolean,
  readEntries,
  readInteger,
  readList,
  readLiteral,
  readText,
  type TextRules,
  TRUTH_WORDS,
} from './field-readers.ts';
import { type DescribedReader, described } from './request-model.ts';

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
const RUNNING_FILESYSTEMS = ['', 'initramfs', 'f2fs', 'tmpfs', 'overlay', 'btrfs'] as const;

const ASU_NAME = pythonPattern('^[\\w.,-]*$');
const USUAL_NAME = /^[A-Za-z0-9_.,-]{0,64}$/;
const PACKAGE = names(/^-?[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, ASU_NAME, ownPattern(PACKAGE_PATTERN));
const PACKAGE_VERSION = names(
  /^[A-Za-z0-9_+.,~-]{1,128}$/,
  pythonPattern('^[\\w+.,~-]*$'),
  ownPattern(PACKAGE_VERSION_PATTERN),
);
/** `__proto__` would not survive as a key. */
const REPOSITORY_NAME = names(
  undefined,
  pythonPattern('^[\\w.-]+$'),
  ownPattern('^(?!__proto__$)[A-Za-z0-9_.-]+$'),
);
const REPOSITORY_URL = {
  patterns: [ownPattern('^https?://\\S+$')],
  maxLength: MAX_REPOSITORY_URL_LENGTH,
};

const REPOSITORY_KEY: TextRules = { patterns: [], maxLength: MAX_REPOSITORY_KEY_LENGTH };
const MODES = ['append', 'replace'] as const;

export const readName = textReader(names(USUAL_NAME, ASU_NAME));
export const readTarget = textReader(
  names(/^[A-Za-z0-9_]{1,32}\/[A-Za-z0-9_]{1,32}$/, pythonPattern('^[\\w]*/[\\w]*$')),
);
export const readVersionCode = textReader(
  names(/^[A-Za-z0-9_.-]{0,64}$/, ASU_NAME, ownPattern('^[A-Za-z0-9_.-]{0,64}$')),
);

/** Readers of the fields that a distribution limits. */
interface LimitedReaders {
  readonly defaults: DescribedReader<string>;
  readonly rootfsSize: DescribedReader<number>;
}

const LIMITED = new WeakMap<RequestLimits, LimitedReaders>();

/** The readers for a distribution's limits, made once. */
export function limitedReaders(limits: RequestLimits): LimitedReaders {
  const known = LIMITED.get(limits);
  if (known) return known;
  const made = { defaults: defaultsReader(limits), rootfsSize: rootfsSizeReader(limits) };
  LIMITED.set(limits, made);
  return made;
}

function defaultsReader(limits: RequestLimits): DescribedReader<string> {
  return textReader({ patterns: [], maxLength: limits.maxDefaultsLength });
}

function rootfsSizeReader(limits: RequestLimits): DescribedReader<number> {
  const rules = { min: 1, max: limits.maxRootfsSizeMb };
  const schema = Type.Union([
    Type.Integer({ minimum: rules.min, maximum: rules.max }),
    Type.String({ pattern: '^\\s*[+-]?\\d+(\\.0+)?\\s*$', description: 'such an integer as a text' }),
    Type.Literal(true, { description: 'means 1' }),
  ]);
  return described(schema, (problems, loc, value) => readInteger(problems, loc, value, rules));
}

export const readDiffPackages = described(
  Type.Union([
    Type.Boolean(),
    Type.Enum([...TRUTH_WORDS], { description: 'in any case of letters' }),
    Type.Enum([0, 1]),
  ]),
  readBoolean,
);

/** A name may be empty: the Firmware Selector splits a text at blanks. */
export const readPackages = described(
  Type.Array(Type.Union([textSchema(PACKAGE), Type.Literal('')]), { maxItems: MAX_PACKAGES }),
  (problems, loc, value) => {
    const items = readList(problems, loc, value, MAX_PACKAGES);
    if (!items) return undefined;
    const packages: string[] = [];
    for (const [at, item] of items.entries()) {
      if (item === '') continue;
      const name = isUsual(item, PACKAGE) ? item : readText(problems, [...loc, at], item, PACKAGE);
      if (name !== undefined) packages.push(name);
    }
    return limitBytes(problems, loc, packages, packages);
  },
);

export const readPackagesVersions = described(
  pairsSchema(MAX_PACKAGES, PACKAGE, PACKAGE_VERSION),
  (problems, loc, value) => {
    const entries = readPairs(problems, loc, value, MAX_PACKAGES, PACKAGE, PACKAGE_VERSION);
    return entries && limitBytes(problems, loc, Object.keys(entries), entries);
  },
);

/** Null for what a router runs from but nobody can build. */
export const readFilesystem = described<Filesystem | null>(
  Type.Union([
    Type.Enum([...FILESYSTEMS]),
    Type.Enum([...RUNNING_FILESYSTEMS], { description: 'what a router may run from; read as null' }),
  ]),
  (problems, loc, value) =>
    RUNNING_FILESYSTEMS.some((name) => name === value)
      ? null
      : readLiteral(problems, loc, value, FILESYSTEMS),
);

export const readRepositories = described(
  pairsSchema(MAX_REPOSITORIES, REPOSITORY_NAME, REPOSITORY_URL),
  (problems, loc, value) =>
    readPairs(problems, loc, value, MAX_REPOSITORIES, REPOSITORY_NAME, REPOSITORY_URL),
);

/** Empty where a Firmware Selector has none configured. */
export const readRepositoriesMode = described(
  Type.Union([Type.Enum([...MODES]), Type.Literal('')]),
  (problems, loc, value) => (value === '' ? 'replace' : readLiteral(problems, loc, value, MODES)),
);

export const readRepositoryKeys = described<readonly string[]>(
  Type.Array(textSchema(REPOSITORY_KEY), { maxItems: MAX_REPOSITORY_KEYS }),
  (problems, loc, value) =>
    readList(problems, loc, value, MAX_REPOSITORY_KEYS)
      ?.map((item, at) => readText(problems, [...loc, at], item, REPOSITORY_KEY))
      .filter((key) => key !== undefined),
);

/** Any text, cut where it is too long. */
export const readClient = described(Type.String(), (problems, loc, value) => {
  const text = readText(problems, loc, value, { patterns: [], maxLength: Number.POSITIVE_INFINITY });
  return text === undefined
    ? undefined
    : text.length <= MAX_CLIENT_LENGTH
      ? text
      : [...text.slice(0, 2 * MAX_CLIENT_LENGTH)].slice(0, MAX_CLIENT_LENGTH).join('');
});

function names(usual: RegExp | undefined, ...patterns: TextRules['patterns']): TextRules {
  return { patterns, maxLength: MAX_NAME_LENGTH, ...(usual ? { usual } : {}) };
}

function textReader(rules: TextRules): DescribedReader<string> {
  return described(textSchema(rules), (problems, loc, value) => readText(problems, loc, value, rules));
}

function textSchema({ patterns, maxLength }: TextRules): TSchema {
  const [first, ...rest] = patterns.map(({ test }) => ({ pattern: test.source }));
  return Type.String({ ...first, ...(rest.length > 0 ? { allOf: rest } : {}), maxLength });
}

function pairsSchema(maxItems: number, keyRules: TextRules, valueRules: TextRules): TSchema {
  return Type.Record(Type.String(), textSchema(valueRules), {
    propertyNames: textSchema(keyRules),
    maxProperties: maxItems,
  });
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
        isUsual(key, keyRules) ? key : readText(problems, [...loc, key, '[key]'], key, keyRules),
        isUsual(item, valueRules) ? item : readText(problems, [...loc, key], item, valueRules),
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
  // No name has more than three bytes for a UTF-16 unit, so most lists are known to fit without being joined.
  const units = packages.reduce((sum, name) => sum + name.length + 1, 0);
  if (units * 3 <= MAX_PACKAGES_BYTES) return value;
  const sizeBytes = Buffer.byteLength(packages.join(' '));
  if (sizeBytes <= MAX_PACKAGES_BYTES) return value;
  const msg = `Package names should have at most ${MAX_PACKAGES_BYTES} bytes together, not ${sizeBytes}`;
  const ctx = { field_type: 'Packages', max_length: MAX_PACKAGES_BYTES, actual_length: sizeBytes };
  return problems.add('too_long', loc, msg, null, ctx);
}
