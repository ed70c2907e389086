import { Type } from 'typebox';
import { VERSION_PATTERN } from '../../shared/domain/builder.ts';
import { branchOf, shippedOpenWrt } from './branches.ts';
import type { Branch, Distribution } from './distribution.ts';
import type { DocumentKind, Documents } from './documents.ts';
import { parseJsonDocument } from './json-document.ts';

/** What upstream has released. */
export interface Versions {
  /** The newest of each supported line, newest first: upcoming, stable, oldstable. */
  readonly latest: readonly string[];
  /** Every version that can be built. */
  readonly offered: ReadonlySet<string>;
  /** The versions of a branch by its name, newest first, its snapshot last. */
  readonly byBranch: ReadonlyMap<string, readonly string[]>;
}

const OptionalVersion = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/** Source: `.versions.json` at the root of downloads.openwrt.org. */
const VersionsJsonSchema = Type.Object({
  stable_version: OptionalVersion,
  oldstable_version: OptionalVersion,
  upcoming_version: OptionalVersion,
  versions_list: Type.Array(Type.String()),
});

const VERSIONS_JSON: DocumentKind<Versions> = {
  parse: parseVersions,
  maxBytes: 1024 ** 2,
  isRequired: true,
};

/** What upstream has released. Throws `unavailable` when that cannot be read. */
export async function readVersions(
  documents: Documents,
  options?: { readonly maxAgeMs?: number },
): Promise<Versions> {
  const versions = await documents.read(VERSIONS_JSON, '.versions.json', options);
  return versions ?? { latest: [], offered: new Set(), byBranch: new Map() };
}

/** Reads `.versions.json`; throws on anything else. */
export function parseVersions(bytes: Buffer, distribution: Distribution = shippedOpenWrt()): Versions {
  const json = parseJsonDocument(VersionsJsonSchema, bytes);
  const pattern = new RegExp(VERSION_PATTERN);
  const isBuildable = (version: string): boolean =>
    pattern.test(version) && branchOf(version, distribution) !== undefined;
  const newest = [json.upcoming_version, json.stable_version, json.oldstable_version];
  const latest = newest.filter((version) => typeof version === 'string').filter(isBuildable);
  const released = [...latest, ...json.versions_list].filter(isBuildable);
  const byBranch = new Map(
    distribution.branches.map((branch) => [branch.name, versionsOf(branch, released, distribution)]),
  );
  return {
    latest: [...new Set(latest)],
    offered: new Set([...byBranch.values()].flat()),
    byBranch,
  };
}

/** Orders versions of one branch, newest first: releases by number, release candidates, the branch's snapshot. */
export function compareVersions(a: string, b: string): number {
  const left = sortKey(a);
  const right = sortKey(b);
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (right[at] ?? 0) - (left[at] ?? 0);
    if (difference !== 0) return difference > 0 ? 1 : -1;
  }
  return 0;
}

/** Whether kernel modules have an index of their own. Source: openwrt/buildbot a75ce026; asu, `is_post_kmod_split_build`. */
export function hasSplitKmods(version: string): boolean {
  if (version === 'SNAPSHOT') return true;
  const [major = 0, minor = 0, point = 0] = version.split(/[.-]/).map(Number);
  if (major !== 23) return major >= 24;
  return minor === 5 && (version.endsWith('-SNAPSHOT') || point >= 6);
}

function versionsOf(
  branch: Branch,
  released: readonly string[],
  distribution: Distribution,
): readonly string[] {
  if (!branch.enabled) return [];
  const own = released.filter((version) => branchOf(version, distribution) === branch);
  const snapshot = branch.snapshot ? branch.name : `${branch.name}-SNAPSHOT`;
  return [...new Set([...own, snapshot])].sort(compareVersions);
}

/** Numbers to compare one by one: what it is (0 snapshot, 1 candidate, 2 release), then its numbers. */
function sortKey(version: string): readonly number[] {
  const [numbers = '', suffix] = version.split('-');
  const kind = suffix === undefined ? 2 : suffix.startsWith('rc') ? 1 : 0;
  const candidate = kind === 1 ? Number.parseInt(suffix?.slice(2) ?? '', 10) : 0;
  return [kind, ...numbers.split('.').map((part) => Number.parseInt(part, 10) || 0), candidate || 0];
}
