import { Type } from 'typebox';
import type { DocumentKind } from './documents.ts';
import { parseJsonDocument } from './json-document.ts';

/*
 * Upstream's package indexes in the form clients read them: names without ABI suffix, versions exactly as upstream writes
 * them. A list is kept as JSON text outside of the heap; the largest has ten thousand names.
 */

/** The packages of one folder. */
export interface PackageList {
  /** Version of `index.json`: from 2 on its names are free of ABI suffixes. 0 for a list made from `Packages`. */
  readonly format: number;
  /** Text of `PackageListJson`. */
  readonly json: Buffer;
}

export interface PackageListJson {
  readonly architecture?: string;
  /** Versions by name. */
  readonly packages: Readonly<Record<string, string>>;
}

const MAX_INDEX_BYTES = 64 * 1024 ** 2;

const IndexJsonSchema = Type.Object({
  version: Type.Optional(Type.Number()),
  architecture: Type.Optional(Type.String()),
  packages: Type.Record(Type.String(), Type.String()),
});

/** `index.json` without its `version`. Source: openwrt, scripts/make-index-json.py. */
export const INDEX_JSON_LIST: DocumentKind<PackageList> = {
  parse: parseIndexJsonList,
  maxBytes: MAX_INDEX_BYTES,
};

export function parseIndexJsonList(bytes: Buffer): PackageList {
  const { version, ...json } = parseJsonDocument(IndexJsonSchema, bytes);
  return { format: version ?? 1, json: Buffer.from(JSON.stringify(json)) };
}

/** `Packages` of opkg. */
export const PACKAGES_LIST: DocumentKind<PackageList> = {
  parse: parsePackagesList,
  maxBytes: MAX_INDEX_BYTES,
};

/** Throws on anything but opkg's paragraphs; an empty file is an empty list. */
export function parsePackagesList(bytes: Buffer): PackageList {
  const text = bytes.toString('utf8').trim();
  const packages = new Map<string, string>();
  let architecture: string | undefined;
  for (const paragraph of text === '' ? [] : text.split(/\n\s*\n/)) {
    const fields = new Map(
      [...paragraph.matchAll(/^(Package|Version|ABIVersion|Architecture): *(.*)$/gm)].map(
        ([, field = '', value = '']) => [field, value.trim()],
      ),
    );
    const [name, version] = [fields.get('Package'), fields.get('Version')];
    if (!name || !version) throw new Error(`not a package: ${JSON.stringify(paragraph.slice(0, 80))}`);
    const isOfAll = fields.get('Architecture') === 'all';
    if (!isOfAll) architecture ??= fields.get('Architecture');
    packages.set(withoutSuffix(name, fields.get('ABIVersion') ?? ''), version);
  }
  const json: PackageListJson = {
    ...(architecture === undefined ? {} : { architecture }),
    packages: Object.fromEntries(packages),
  };
  return { format: 0, json: Buffer.from(JSON.stringify(json)) };
}

/** One list of several: the names of later ones win, all else is from the first that says it. */
export function mergeLists(lists: readonly PackageList[]): PackageListJson {
  const parsed = lists.map(({ json }) => JSON.parse(json.toString('utf8')) as PackageListJson);
  return Object.assign({}, ...parsed.toReversed(), {
    packages: Object.fromEntries(parsed.flatMap(({ packages }) => Object.entries(packages))),
  });
}

function withoutSuffix(name: string, suffix: string): string {
  return suffix !== '' && name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : name;
}
