import type { Clock } from '../../shared/clock.ts';
import type { Documents } from './documents.ts';
import { readTargets, type Targets } from './targets.ts';
import { readVersions, type Versions } from './versions.ts';

/** What the overview tells of this server. */
export interface OverviewSettings {
  /** wrtfarm's version. */
  readonly version: string;
  /** Where a person who runs this server is reached; may be empty. */
  readonly contact: string;
  readonly allowDefaults: boolean;
  readonly repositoryAllowList: readonly string[];
  /** The mirror clients are sent to: they download from it themselves. */
  readonly publicUpstream: string;
}

/** Versions of a branch that are asked for targets, newest first. */
const MAX_TRIED = 10;
/** For this long its documents are not even looked at again, milliseconds; little beside how long each is fresh. */
const GLANCE_MS = 1_000;

/** The overview (contract 2.8) of one distribution as bytes that are made anew only when upstream's documents change. */
export class Overview {
  readonly #documents: Documents;
  readonly #settings: OverviewSettings;
  readonly #clock: Clock;
  #made: { readonly from: readonly unknown[]; readonly bytes: Buffer; lookedAt: number } | undefined;

  constructor(documents: Documents, settings: OverviewSettings, clock: Clock) {
    this.#documents = documents;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** JSON text. Throws `unavailable` when upstream's versions cannot be read; targets that cannot be are an older version's. */
  async bytes(): Promise<Buffer> {
    const now = this.#clock.steadyMs();
    const made = this.#made;
    if (made && now - made.lookedAt < GLANCE_MS) return made.bytes;
    const versions = await readVersions(this.#documents);
    const targets = await Promise.all(
      this.#documents.distribution.branches.map(async ({ name }) => {
        return await this.#targetsOf(versions.byBranch.get(name) ?? []);
      }),
    );
    const from = [versions, ...targets];
    if (!this.#made || this.#made.from.some((each, at) => each !== from[at])) {
      const bytes = Buffer.from(JSON.stringify(this.#tell(versions, targets)));
      this.#made = { from, bytes, lookedAt: now };
    }
    this.#made.lookedAt = now;
    return this.#made.bytes;
  }

  /** Those of the newest version that has any that can be read: a branch without targets is hidden by clients, or ends them. */
  async #targetsOf(versions: readonly string[]): Promise<Targets | undefined> {
    for (const version of versions.slice(0, MAX_TRIED)) {
      const targets = await readTargets(this.#documents, version).catch(() => undefined);
      if (targets !== undefined && targets.size > 0) return targets;
    }
    return undefined;
  }

  #tell(versions: Versions, targets: readonly (Targets | undefined)[]): Record<string, unknown> {
    const { branches, limits } = this.#documents.distribution;
    const settings = this.#settings;
    const told = branches.map((branch, at) => [
      branch.name,
      {
        ...branch,
        versions: versions.byBranch.get(branch.name) ?? [],
        targets: Object.fromEntries(targets[at] ?? []),
      },
    ]);
    return {
      latest: versions.latest,
      branches: Object.fromEntries(told),
      upstream_url: settings.publicUpstream.replace(/\/+$/, ''),
      server: {
        version: settings.version,
        contact: settings.contact,
        allow_defaults: settings.allowDefaults,
        repository_allow_list: settings.repositoryAllowList,
        max_custom_rootfs_size_mb: limits.maxRootfsSizeMb,
        max_defaults_length: limits.maxDefaultsLength,
      },
    };
  }
}
