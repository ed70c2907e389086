import type { BuildSpec } from './build-spec.ts';

/** A spec that asks for nothing but an image of 24.10.4 for x86/64. */
export function plainSpec(changes: Partial<BuildSpec> = {}): BuildSpec {
  return {
    distro: 'openwrt',
    version: '24.10.4',
    versionCode: '',
    target: 'x86/64',
    profile: 'generic',
    packages: [],
    packagesVersions: {},
    diffPackages: false,
    defaults: null,
    rootfsSizeMb: null,
    filesystem: null,
    repositories: {},
    repositoriesMode: 'replace',
    repositoryKeys: [],
    ...changes,
  };
}
