import type { OfferedPaths } from './offered-paths.ts';
import { ReadyBytes } from './ready-bytes.ts';

const MAX_READY_BYTES = 16 * 1024 ** 2;

/** Lists that are parts of the overview (contract 2.8), as bytes made anew only when it changes. Throws what reading it throws. */
export class ClientLists {
  readonly #offered: OfferedPaths;
  readonly #ready = new ReadyBytes(MAX_READY_BYTES);

  constructor(offered: OfferedPaths) {
    this.#offered = offered;
  }

  /** `{"latest": […]}`. */
  async latest(): Promise<Buffer> {
    const offered = await this.#offered.get();
    return this.#ready.get('latest', [offered], () => ({ latest: offered.latest }));
  }

  /** The branches as an array, in the order of the configuration: auc reads them so. */
  async branches(): Promise<Buffer> {
    const offered = await this.#offered.get();
    return this.#ready.get('branches', [offered], () => offered.branches);
  }

  /** The same with the fields that auc of 2021 insists on and never uses: it skips a branch without them. */
  async branchesOf2021(): Promise<Buffer> {
    const offered = await this.#offered.get();
    return this.#ready.get('branches of 2021', [offered], () =>
      offered.branches.map((branch) => ({ ...branch, updates: '', pubkey: '', repos: [] })),
    );
  }

  /**
   * `/api/versions` of asu v0.3.0: where each version comes from, by its name, and for LuCI of March 2020 the newest version
   * of each branch, in small letters (contract 1.5).
   */
  async legacyVersions(): Promise<Buffer> {
    const offered = await this.#offered.get();
    return this.#ready.get('versions', [offered], () => {
      const enabled = offered.branches.filter(({ enabled, versions }) => enabled && versions.length > 0);
      const versions = enabled.flatMap((branch) =>
        branch.versions.map((version) => {
          const gitBranch = branch.snapshot ? 'master' : `openwrt-${branch.name}`;
          // Clients never read the key; ImageBuilders are verified by agents.
          return [version, { branch: gitBranch, path: offered.pathOf.get(version), pubkey: '' }] as const;
        }),
      );
      const branches = enabled.map(({ name, versions: [newest = ''] }) => ({
        name: name.toLowerCase(),
        latest: newest.toLowerCase(),
      }));
      return { ...Object.fromEntries(versions), branches };
    });
  }
}
