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

/** The overview (contract 2.8) of one distribution as bytes that are made anew only when upstream's documents change. */
export class Overview {
  readonly #documents: Documents;
  readonly #settings: OverviewSettings;
  #made: { readonly from: readonly unknown[]; readonly bytes: Buffer } | undefined;

  constructor(documents: Documents, settings: OverviewSettings) {
    this.#documents = documents;
    this.#settings = settings;
  }

  /** JSON text. Throws `unavailable` when upstream's versions cannot be read; targets that cannot be are left empty. */
  async bytes(): Promise<Buffer> {
    const versions = await readVersions(this.#documents);
    const targets = await Promise.all(
      this.#documents.distribution.branches.map(async ({ name }) => {
        const [newest] = versions.byBranch.get(name) ?? [];
        if (newest === undefined) return undefined;
        return readTargets(this.#documents, newest).catch(() => undefined);
      }),
    );
    const from = [versions, ...targets];
    if (!this.#made || this.#made.from.some((each, at) => each !== from[at])) {
      this.#made = { from, bytes: Buffer.from(JSON.stringify(this.#tell(versions, targets))) };
    }
    return this.#made.bytes;
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
