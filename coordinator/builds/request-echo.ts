import type { BuildRecord } from './build-record.ts';

/** The request as clients get it back: the full model with defaults filled in (contract 2.5), without the first-boot script. */
export function requestEcho(record: Pick<BuildRecord, 'spec' | 'client'>): Readonly<Record<string, unknown>> {
  const { spec } = record;
  return {
    distro: spec.distro,
    version: spec.version,
    version_code: spec.versionCode,
    target: spec.target,
    packages: spec.packages,
    profile: spec.profile,
    packages_versions: spec.packagesVersions,
    defaults: null,
    client: record.client,
    rootfs_size_mb: spec.rootfsSizeMb,
    diff_packages: spec.diffPackages,
    filesystem: spec.filesystem,
    repositories: spec.repositories,
    repositories_mode: spec.repositoriesMode,
    repository_keys: spec.repositoryKeys,
  };
}
