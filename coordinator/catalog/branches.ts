import type { Branch, Distribution } from './distribution.ts';
import { DEFAULT_DISTRO, loadDistributions } from './distributions.ts';

let shipped: Distribution | undefined;

/** The enabled branch of a version or the branch so named; undefined when this farm does not build it. */
export function branchOf(version: string, distribution: Distribution = shippedOpenWrt()): Branch | undefined {
  const name = branchName(version, distribution);
  return distribution.branches.find((branch) => branch.enabled && branch.name === name);
}

/** Upstream folder of a version: `releases/24.10.4`, `snapshots`. */
export function versionPath(branch: Branch, version: string): string {
  return branch.path.replace('{version}', version);
}

/** OpenWrt as the product knows it. */
export function shippedOpenWrt(): Distribution {
  shipped ??= loadDistributions([]).get(DEFAULT_DISTRO);
  if (!shipped) throw new Error('the distribution of the product is missing');
  return shipped;
}

/** `24.10-SNAPSHOT` → `24.10`; `24.10.0-rc1` → `24.10`; the name of a branch is its own. */
function branchName(version: string, { branches }: Distribution): string {
  if (branches.some((branch) => branch.name === version)) return version;
  if (version.endsWith('-SNAPSHOT')) return version.slice(0, -'-SNAPSHOT'.length);
  const lastDot = version.lastIndexOf('.');
  return lastDot < 0 ? version : version.slice(0, lastDot);
}
