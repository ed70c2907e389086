import { PACKAGE_CHANGES, type PackageChange } from './package-changes.ts';

/** A line of releases, as clients are told about it. Field names travel on the wire. */
export interface Branch {
  readonly name: string;
  readonly enabled: boolean;
  readonly snapshot: boolean;
  /** Upstream folder of a version; `{version}` stands for the version. */
  readonly path: string;
  /** Required by auc, used by nobody. */
  readonly path_packages: 'DEPRECATED';
  /** Revision number at which the branch left main. */
  readonly branch_off_rev?: number;
  readonly package_changes: readonly PackageChange[];
}

/** The branches this farm builds, newest first. Source: asu, `branches` in config.py. */
export const BRANCHES: readonly Branch[] = [
  {
    name: 'SNAPSHOT',
    enabled: true,
    snapshot: true,
    path: 'snapshots',
    path_packages: 'DEPRECATED',
    package_changes: PACKAGE_CHANGES,
  },
  release('25.12', 32295),
  release('24.10', 27990),
  release('23.05', 23069),
  release('22.03', 19160),
  release('21.02', 15812),
];

/** The enabled branch of a version or the branch so named; undefined when this farm does not build it. */
export function branchOf(version: string): Branch | undefined {
  const name = branchName(version);
  return BRANCHES.find((branch) => branch.enabled && branch.name === name);
}

/** Upstream folder of a version: `releases/24.10.4`, `snapshots`. */
export function versionPath(branch: Branch, version: string): string {
  return branch.path.replace('{version}', version);
}

/** `24.10-SNAPSHOT` → `24.10`; `24.10.0-rc1` → `24.10`; the name of a branch is its own. */
function branchName(version: string): string {
  if (BRANCHES.some((branch) => branch.name === version)) return version;
  if (version.endsWith('-SNAPSHOT')) return version.slice(0, -'-SNAPSHOT'.length);
  const lastDot = version.lastIndexOf('.');
  return lastDot < 0 ? version : version.slice(0, lastDot);
}

function release(name: string, branchOffRev: number): Branch {
  return {
    name,
    enabled: true,
    snapshot: false,
    path: 'releases/{version}',
    path_packages: 'DEPRECATED',
    branch_off_rev: branchOffRev,
    package_changes: PACKAGE_CHANGES.filter((change) => change.revision <= branchOffRev),
  };
}
