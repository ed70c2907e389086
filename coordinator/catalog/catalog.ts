import { type Builder, type BuilderSource, builderName } from '../../shared/domain/builder.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { branchOf, shippedOpenWrt, versionPath } from './branches.ts';
import { readArchive } from './digest.ts';
import type { Distribution } from './distribution.ts';
import { DEFAULT_DISTRO, type Distributions } from './distributions.ts';
import { Documents, type DocumentsConfig, type DocumentsDependencies } from './documents.ts';
import { type FailingDocuments, sumOfFailing } from './failing-documents.ts';
import { Overview, type OverviewSettings } from './overview.ts';
import { type PackageRules, packageRulesFor } from './package-rules.ts';
import { type PackageCatalog, readPackages } from './packages.ts';
import { readProfiles, type TargetProfiles } from './profiles.ts';
import { readTargets } from './targets.ts';
import { readVersions } from './versions.ts';

/** How old knowledge may be. */
export type Age = 'fresh' | 'recheck';

/**
 * What upstream offers, cached. Where upstream fails the last good answer is used; with none, methods throw FarmError
 * `unavailable` naming the document. Age `recheck` asks upstream again before something is called unknown, but not more
 * often than every five seconds. A distribution that is not known has nothing.
 */
export interface Catalog extends AsyncDisposable {
  /** Body of `/json/v1/overview.json`: the default distribution's. */
  overview(): Promise<Buffer>;
  /** The distribution a request names; undefined when this farm does not build it. */
  distribution(name: string): Distribution | undefined;
  /** Names of all distributions this farm builds. */
  readonly distros: readonly string[];
  /** @param distro default: the default distribution. */
  hasVersion(version: string, age: Age, distro?: string): Promise<boolean>;
  hasTarget(builder: Builder, age: Age): Promise<boolean>;
  /** The versions of each branch that can be built, newest first, its snapshot last; none of a distribution that is not known. */
  versionsByBranch(distro: string): Promise<ReadonlyMap<string, readonly string[]>>;
  /** The targets upstream has built for a version. */
  targets(distro: string, version: string): Promise<readonly string[]>;
  /** Profiles of the builder's target; undefined when upstream has none. */
  profiles(builder: Builder, age: Age): Promise<TargetProfiles | undefined>;
  /** Packages for a profile of the builder; undefined when upstream does not list them. */
  packages(builder: Builder, profiles: TargetProfiles, profile: string): Promise<PackageCatalog | undefined>;
  /** What becomes of the packages that are asked for. */
  rules(builder: Builder, profiles: TargetProfiles, profile: string): PackageRules;
  /**
   * The builder as upstream offers it now. Throws `not_found` when it offers none.
   * @param age default `fresh`.
   */
  currentSource(builder: Builder, age?: Age): Promise<BuilderSource>;
  /** Documents that upstream lately failed to give. */
  failing(): FailingDocuments;
}

export interface CatalogConfig extends DocumentsConfig, OverviewSettings {
  /** Default: OpenWrt as the product knows it. The mirror of the default distribution is `upstream`. */
  readonly distributions?: Distributions;
}

const RECHECK_MS = 5_000;

const NO_RULES: PackageRules = { touches: () => false, nameFor: (name) => name, added: [] };

/** A catalog of the mirror at `config.upstream`, and of those of further distributions. Whoever creates it disposes it. */
export function createCatalog(deps: DocumentsDependencies, config: CatalogConfig): Catalog {
  const distributions = config.distributions ?? new Map([[DEFAULT_DISTRO, shippedOpenWrt()]]);
  const mirrors = new Map(
    [...distributions].map(([name, distribution]) => [name, new Mirror(deps, config, distribution)]),
  );
  const main = mirrors.get(DEFAULT_DISTRO);
  if (!main) throw new FarmError('internal', `the distribution ${DEFAULT_DISTRO} is not configured`);
  const overview = new Overview(main.documents, config, deps.clock);
  const of = ({ distro }: Builder): Mirror | undefined => mirrors.get(distro);
  return {
    overview: () => overview.bytes(),
    distribution: (name) => distributions.get(name),
    distros: [...distributions.keys()],
    hasVersion: async (version, age, distro = DEFAULT_DISTRO) =>
      (await mirrors.get(distro)?.hasVersion(version, age)) ?? false,
    hasTarget: async (builder, age) => (await of(builder)?.hasTarget(builder, age)) ?? false,
    versionsByBranch: async (distro) => (await mirrors.get(distro)?.versionsByBranch()) ?? new Map(),
    targets: async (distro, version) => (await mirrors.get(distro)?.targets(version)) ?? [],
    profiles: async (builder, age) => of(builder)?.profiles(builder, age),
    packages: async (builder, profiles, profile) => of(builder)?.packages(builder, profiles, profile),
    rules: (builder, profiles, profile) => of(builder)?.rules(builder, profiles, profile) ?? NO_RULES,
    currentSource: async (builder, age = 'fresh') => {
      const source = await of(builder)?.currentSource(builder, age);
      if (source) return source;
      throw new FarmError('not_found', `upstream has no ImageBuilder for ${builderName(builder)}`, {
        details: { builder },
      });
    },
    failing: () => sumOfFailing([...mirrors.values()].map(({ documents }) => documents.failing())),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...mirrors.values()].map(({ documents }) => documents[Symbol.asyncDispose]()));
    },
  };
}

/** One distribution and its upstream. */
class Mirror {
  readonly documents: Documents;
  readonly #distribution: Distribution;
  readonly #recheckMs: number;
  /** Rules hold for a profile for as long as its target's profiles stay as they are. */
  readonly #rules = new WeakMap<TargetProfiles, Map<string, PackageRules>>();

  constructor(deps: DocumentsDependencies, config: CatalogConfig, distribution: Distribution) {
    const upstream = distribution.name === DEFAULT_DISTRO ? config.upstream : distribution.upstream;
    this.documents = new Documents(deps, { ...config, upstream, distribution });
    this.#distribution = distribution;
    this.#recheckMs = Math.min(RECHECK_MS, config.freshMs);
  }

  async hasVersion(version: string, age: Age): Promise<boolean> {
    try {
      return (await readVersions(this.documents, this.#maxAge(age))).offered.has(version);
    } catch (thrown) {
      // A copy of a part of the mirror may lack the list; then what the version holds tells.
      if (!hasCode(thrown, 'unavailable')) throw thrown;
      return branchOf(version, this.#distribution)?.enabled ?? false;
    }
  }

  async hasTarget(builder: Builder, age: Age): Promise<boolean> {
    const targets = await readTargets(this.documents, builder.version, this.#maxAge(age));
    if (targets.has(builder.target)) return true;
    if (targets.size > 0 || (await this.#hasLists())) return false;
    return (await this.profiles(builder, age)) !== undefined;
  }

  async versionsByBranch(): Promise<ReadonlyMap<string, readonly string[]>> {
    return (await readVersions(this.documents)).byBranch;
  }

  async targets(version: string): Promise<readonly string[]> {
    return [...(await readTargets(this.documents, version)).keys()];
  }

  /** Lists begin with a dot, and copies by listing leave them out; then what is there tells. */
  async #hasLists(): Promise<boolean> {
    try {
      await readVersions(this.documents);
      return true;
    } catch (thrown) {
      if (!hasCode(thrown, 'unavailable')) throw thrown;
      return false;
    }
  }

  async profiles({ version, target }: Builder, age: Age): Promise<TargetProfiles | undefined> {
    return readProfiles(this.documents, version, target, this.#maxAge(age));
  }

  async packages(
    builder: Builder,
    profiles: TargetProfiles,
    profile: string,
  ): Promise<PackageCatalog | undefined> {
    return readPackages(this.documents, builder, profiles, profile);
  }

  rules(builder: Builder, profiles: TargetProfiles, profile: string): PackageRules {
    const byProfile = this.#rules.get(profiles) ?? new Map<string, PackageRules>();
    this.#rules.set(profiles, byProfile);
    const known = byProfile.get(profile);
    if (known) return known;
    const branch = branchOf(builder.version, this.#distribution);
    const { target } = builder;
    const { versionCode } = profiles;
    const rules = branch
      ? packageRulesFor({ distribution: this.#distribution, branch, target, profile, versionCode })
      : NO_RULES;
    byProfile.set(profile, rules);
    return rules;
  }

  async currentSource(builder: Builder, age: Age): Promise<BuilderSource | undefined> {
    const branch = branchOf(builder.version, this.#distribution);
    if (!branch) return undefined;
    const path = versionPath(branch, builder.version);
    const folder = `${path}/targets/${builder.target}`;
    const archive =
      (await readArchive(this.documents, builder, folder, this.#maxAge(age))) ??
      (await readArchive(this.documents, builder, folder, this.#maxAge('recheck')));
    return (
      archive && {
        distro: builder.distro,
        version: builder.version,
        target: builder.target,
        versionPath: path,
        digest: archive.digest,
      }
    );
  }

  #maxAge(age: Age): { readonly maxAgeMs?: number } {
    return age === 'fresh' ? {} : { maxAgeMs: this.#recheckMs };
  }
}
