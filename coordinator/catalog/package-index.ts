import { gunzipSync, inflateRawSync } from 'node:zlib';
import { Type } from 'typebox';
import { shippedOpenWrt } from './branches.ts';
import type { Distribution } from './distribution.ts';
import type { DocumentKind } from './documents.ts';
import { parseJsonDocument } from './json-document.ts';
import { type NameSet, nameTableOf, type PackageNames } from './package-names.ts';

/* The three forms in which upstream lists the packages of one folder. */

const MAX_INDEX_BYTES = 64 * 1024 ** 2;

/** `index.json`. Source: openwrt, scripts/make-index-json.py. */
export interface IndexJson {
  /** From 2 on the names are free of ABI suffixes. */
  readonly version: number;
  readonly names: NameSet;
}

const IndexJsonSchema = Type.Object({
  version: Type.Optional(Type.Number()),
  packages: Type.Record(Type.String(), Type.String()),
});

export const INDEX_JSON: DocumentKind<IndexJson> = { parse: parseIndexJson, maxBytes: MAX_INDEX_BYTES };

export function parseIndexJson(bytes: Buffer, distribution: Distribution = shippedOpenWrt()): IndexJson {
  const json = parseJsonDocument(IndexJsonSchema, bytes);
  return { version: json.version ?? 1, names: nameTableOf(distribution).setOf(Object.keys(json.packages)) };
}

/** `Packages` of opkg: every name a package has or provides, with and without its ABI suffix. */
export const PACKAGES: DocumentKind<NameSet> = {
  parse: parsePackages,
  maxBytes: MAX_INDEX_BYTES,
};

/** The same, compressed: some mirrors have only this one, which is what opkg itself reads. */
export const PACKAGES_GZ: DocumentKind<NameSet> = {
  parse: (bytes, distribution) =>
    parsePackages(gunzipSync(bytes, { maxOutputLength: MAX_INDEX_BYTES }), distribution),
  maxBytes: MAX_INDEX_BYTES,
};

/** Throws on anything but opkg's paragraphs; an empty file is an empty index. */
export function parsePackages(bytes: Buffer, distribution: Distribution = shippedOpenWrt()): NameSet {
  const text = bytes.toString('utf8');
  if (!/^\s*($|Package: )/.test(text)) {
    throw new Error(`not a list of packages: ${JSON.stringify(text.trim().slice(0, 80))}`);
  }
  const names = new Set<string>();
  let name = '';
  let hasVersion = true;
  for (const [, field, value = ''] of text.matchAll(/^(Package|Version|ABIVersion|Provides): *(.*)$/gm)) {
    if (field === 'Package') {
      if (!hasVersion) break;
      name = value.trim();
      hasVersion = false;
      names.add(name);
    } else if (field === 'Version') hasVersion = true;
    else if (field === 'Provides') addProvided(names, value);
    else if (name.endsWith(value.trim())) names.add(name.slice(0, name.length - value.trim().length));
  }
  if (!hasVersion) throw new Error(`package ${JSON.stringify(name.slice(0, 80))} has no version`);
  return nameTableOf(distribution).setOf(names);
}

/** `a, @b-any (= 1), c=2` provides a, b-any and c. */
function addProvided(names: Set<string>, value: string): void {
  for (const provided of value.split(',')) {
    const bare = /^\s*@?([^\s(=<>~]+)/.exec(provided)?.[1];
    if (bare) names.add(bare);
  }
}

/**
 * `packages.adb` of apk, asked only whether a name occurs in it at all: as a package, something provided or a dependency.
 * That is more than what can be installed, never less.
 */
export const PACKAGES_ADB: DocumentKind<PackageNames> = {
  parse: parsePackagesAdb,
  maxBytes: MAX_INDEX_BYTES,
};

/**
 * Strings lie in it behind their length in one byte. `ADB.` is plain, `ADBd` deflated; other compressions are refused. A form
 * that is text instead holds names as whole words.
 * Source: apk-tools, src/adb.h (ADB_TYPE_BLOB_8) and src/adb_comp.c.
 */
export function parsePackagesAdb(bytes: Buffer): PackageNames {
  const magic = bytes.subarray(0, 4).toString('latin1');
  if (magic.startsWith('<')) throw new Error('a page, not an index');
  if (!magic.startsWith('ADB')) return new Set(bytes.toString('latin1').match(/[A-Za-z0-9_.+-]+/g));
  const database =
    magic === 'ADB.'
      ? bytes
      : magic === 'ADBd'
        ? inflateRawSync(bytes.subarray(4), { maxOutputLength: MAX_INDEX_BYTES })
        : undefined;
  if (!database) throw new Error(`its compression ${JSON.stringify(magic)} is not known`);
  return {
    has: (name) =>
      name.length < 256 &&
      database.includes(Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')),
  };
}

/** The feeds in `feeds.conf`: the first word after the kind of source and its options. Source: openwrt, scripts/feeds. */
export const FEEDS_CONF: DocumentKind<readonly string[]> = { parse: parseFeedsConf, maxBytes: 1024 ** 2 };

export function parseFeedsConf(bytes: Buffer): readonly string[] {
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const feed = /^src-\S+(?:\s+--\S+)*\s+([A-Za-z0-9][A-Za-z0-9._-]*)(\s|$)/.exec(line)?.[1];
    if (!feed) throw new Error(`not a feed: ${JSON.stringify(line.slice(0, 80))}`);
    return feed;
  });
}
