import { type Builder, type BuilderSource, builderName } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import { branchOf, versionPath } from './branches.ts';
import { readArchive } from './digest.ts';
import { Documents, type DocumentsConfig, type DocumentsDependencies } from './documents.ts';
import { Overview, type OverviewSettings } from './overview.ts';
import { type PackageCatalog, readPackages } from './packages.ts';
import { readProfiles, type TargetProfiles } from './profiles.ts';
import { readTargets } from './targets.ts';
import { readVersions } from './versions.ts';

/** How old knowledge may be. */
export type Age = 'fresh' | 'recheck';

/**
 * What upstream offers, cached. Where upstream fails the last good answer is used; with none, methods throw FarmError
 * `unavailable` naming the document. Age `recheck` asks upstream again before something is called unknown, but not more
 * often than every five seconds.
 */
export interface Catalog extends AsyncDisposable {
  /** Body of `/json/v1/overview.json`. */
  overview(): Promise<Buffer>;
  hasVersion(version: string, age: Age): Promise<boolean>;
  hasTarget(builder: Builder, age: Age): Promise<boolean>;
  /** Profiles of the builder's target; undefined when upstream has none. */
  profiles(builder: Builder, age: Age): Promise<TargetProfiles | undefined>;
  /** Packages for a profile of the builder; undefined when upstream does not list them. */
  packages(builder: Builder, profiles: TargetProfiles, profile: string): Promise<PackageCatalog | undefined>;
  /** The builder as upstream offers it now. Throws `not_found` when it offers none. */
  currentSource(builder: Builder): Promise<BuilderSource>;
  /** Whether upstream fails and something was lately answered from an old copy. */
  isStale(): boolean;
}

export interface CatalogConfig extends DocumentsConfig, OverviewSettings {}

const RECHECK_MS = 5_000;

/** A catalog of the mirror at `config.upstream`. Whoever creates it disposes it. */
export function createCatalog(deps: DocumentsDependencies, config: CatalogConfig): Catalog {
  const documents = new Documents(deps, config);
  const overview = new Overview(documents, config);
  const maxAge = (age: Age): { readonly maxAgeMs: number } => ({
    maxAgeMs: age === 'fresh' ? config.freshMs : Math.min(RECHECK_MS, config.freshMs),
  });
  return {
    overview: () => overview.bytes(),
    hasVersion: async (version, age) => (await readVersions(documents, maxAge(age))).offered.has(version),
    hasTarget: async (builder, age) =>
      (await readTargets(documents, builder.version, maxAge(age))).has(builder.target),
    profiles: (builder, age) => readProfiles(documents, builder.version, builder.target, maxAge(age)),
    packages: (builder, profiles, profile) => readPackages(documents, builder, profiles, profile),
    currentSource: (builder) => currentSource(documents, builder, maxAge('recheck')),
    isStale: () => documents.isStale(),
    [Symbol.asyncDispose]: () => documents[Symbol.asyncDispose](),
  };
}

async function currentSource(
  documents: Documents,
  builder: Builder,
  recheck: { readonly maxAgeMs: number },
): Promise<BuilderSource> {
  const branch = branchOf(builder.version);
  const path = branch && versionPath(branch, builder.version);
  const folder = `${path}/targets/${builder.target}`;
  const archive =
    path &&
    ((await readArchive(documents, builder, folder)) ??
      (await readArchive(documents, builder, folder, recheck)));
  if (!path || !archive) {
    throw new FarmError('not_found', `upstream has no ImageBuilder for ${builderName(builder)}`, {
      details: { builder },
    });
  }
  return {
    distro: builder.distro,
    version: builder.version,
    target: builder.target,
    versionPath: path,
    digest: archive.digest,
  };
}
