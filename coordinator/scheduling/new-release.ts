import { type Builder, builderToken, parseBuilderToken } from '../../shared/domain/builder.ts';
import { type Demand, demandAt } from './demand.ts';

/**
 * What a release nobody has asked for yet is expected to be asked for: per target, as much as the version it follows.
 * Builders that have a demand of their own are left out.
 * @param release `24.10.5`, with the targets upstream offers for it, and `24.10.4`, which it follows.
 * @returns demands by builder token, to be added to the counted ones.
 */
export function expectedDemand(
  release: {
    readonly distro: string;
    readonly version: string;
    readonly follows: string;
    readonly targets: readonly string[];
  },
  demands: ReadonlyMap<string, Demand>,
  nowMs: number,
): ReadonlyMap<string, Demand> {
  const { distro, version, follows, targets } = release;
  const expected = new Map<string, Demand>();
  for (const target of targets) {
    const token = (of: Builder['version']): string => builderToken({ distro, version: of, target });
    const before = demands.get(token(follows));
    if (!before || demands.has(token(version))) continue;
    expected.set(token(version), { count: demandAt(before, nowMs), countedAt: nowMs });
  }
  return expected;
}

/** A release that was not seen before, and those it may follow, the nearest first. */
export interface NewRelease {
  readonly version: string;
  readonly mayFollow: readonly string[];
}

/**
 * What is new among the releases of a distribution. Snapshots are none: they are built anew every day, and asked for all the time.
 * @param byBranch versions of each branch, newest first; branches newest first too.
 */
export function newReleases(
  byBranch: ReadonlyMap<string, readonly string[]>,
  seen: ReadonlySet<string>,
): readonly NewRelease[] {
  const all = [...byBranch.values()].flat().filter((version) => !version.endsWith('SNAPSHOT'));
  return all.flatMap((version, at) => (seen.has(version) ? [] : [{ version, mayFollow: all.slice(at + 1) }]));
}

/** Of the versions a release may follow the nearest that anybody asks for. */
export function followedVersion(
  { mayFollow }: NewRelease,
  distro: string,
  demands: ReadonlyMap<string, Demand>,
): string | undefined {
  const asked = new Set<string>();
  for (const token of demands.keys()) {
    const builder = parseBuilderToken(token);
    if (builder?.distro === distro) asked.add(builder.version);
  }
  return mayFollow.find((version) => asked.has(version));
}
