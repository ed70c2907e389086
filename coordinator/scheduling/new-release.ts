import { type Builder, builderToken } from '../../shared/domain/builder.ts';
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
