import type { Distribution } from './distribution.ts';

/**
 * Whether upstream leaves a document as it is once it is published: what lies in the folder of a release's target (profiles,
 * its own packages, kernel modules), but not its `sha256sums`, which tell when the target was built anew after all. Lists of
 * versions and targets grow, feeds are rebuilt for as long as a release lives, and snapshots change every day.
 */
export function isLasting(path: string, { branches }: Distribution): boolean {
  return branches.some((branch) => {
    const [before = '', after] = branch.path.split('{version}');
    if (after === undefined || !path.startsWith(before)) return false;
    const [version = '', folder] = path.slice(before.length).split('/');
    return folder === 'targets' && !version.endsWith('SNAPSHOT') && !path.endsWith('/sha256sums');
  });
}

/** The sums of the target that a document belongs to: `releases/24.10.4/targets/x86/64/sha256sums`. */
export function sumsOf(path: string): string | undefined {
  const folder = /^.*?\btargets\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0];
  return folder && `${folder}/sha256sums`;
}
