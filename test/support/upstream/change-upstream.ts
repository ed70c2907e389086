import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MINI_TARGETS, type MiniTarget } from './mini-targets.ts';
import { MINI_VERSIONS, type MiniVersion } from './mini-versions.ts';
import { loadSigningKey } from './signing-key.ts';
import { VERSIONS_FILE, writeTarget, writeVersion } from './write-upstream.ts';

/** Has the mirror below `root` build one target of one version anew, as this revision: its ImageBuilder has other bytes then. */
export async function rebuildTarget(
  root: string,
  builder: { readonly version: string; readonly target: string },
  versionCode: string,
): Promise<void> {
  const version = { ...versionNamed(builder.version), versionCode };
  await writeTarget(root, version, targetNamed(builder.target), await loadSigningKey(`${root}.seed`));
}

/** Has the mirror below `root` publish a release `24.10.5`, made like an older one, for these targets. */
export async function publishRelease(
  root: string,
  release: string,
  { like, targets }: { readonly like: string; readonly targets: readonly string[] },
): Promise<void> {
  const version = { ...versionNamed(like), like, version: release, path: `releases/${release}` };
  await writeVersion(root, version, targets.map(targetNamed), await loadSigningKey(`${root}.seed`));
  const file = join(root, VERSIONS_FILE);
  const versions = JSON.parse(await readFile(file, 'utf8')) as { readonly versions_list: readonly string[] };
  await writeFile(file, JSON.stringify({ ...versions, versions_list: [release, ...versions.versions_list] }));
}

function versionNamed(name: string): MiniVersion {
  const version = MINI_VERSIONS.find((each) => each.version === name);
  if (!version) throw new Error(`the miniature has no version ${name}`);
  return version;
}

function targetNamed(name: string): MiniTarget {
  const target = MINI_TARGETS.find((each) => each.name === name);
  if (!target) throw new Error(`the miniature has no target ${name}`);
  return target;
}
