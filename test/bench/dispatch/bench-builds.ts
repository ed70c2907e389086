import type { ResolvedRequest } from '../../../coordinator/builds/build-record.ts';
import { type BuilderSource, findArchive } from '../../../shared/domain/builder.ts';
import { largeTargets, packageNames, REAL_SIZE } from '../../support/upstream/large-catalog-content.ts';
import { LARGE_RELEASES } from '../../support/upstream/write-large-catalog.ts';

/** Releases of the mirror: with its targets they make 124 builders. */
export const RELEASES = 2;
/** Packages of a request, as owut and the Firmware Selector send them: those that were chosen, and a usual image's. */
const PACKAGES = 30;

/** A builder of the mirror and a profile it has. */
export interface BenchBuilder {
  readonly source: BuilderSource;
  readonly profile: string;
}

/** Every builder of the mirror, pinned to what it offers: the keeper would pin builds of another digest anew, one by one. */
export async function readBuilders(upstream: string): Promise<readonly BenchBuilder[]> {
  const versions = LARGE_RELEASES.slice(0, RELEASES).map(([version]) => version);
  const wanted = largeTargets(REAL_SIZE).flatMap(({ name }) =>
    versions.map((version) => ({ version, target: name })),
  );
  return await Promise.all(
    wanted.map(async ({ version, target }): Promise<BenchBuilder> => {
      const versionPath = `releases/${version}`;
      const builder = { distro: 'openwrt', version, target };
      const response = await fetch(`${upstream}/${versionPath}/targets/${target}/sha256sums`);
      const archive = findArchive(await response.text(), builder);
      if (!archive) throw new Error(`the mirror has no ImageBuilder of ${version} ${target}`);
      const profile = target === 'x86/64' ? 'generic' : 'vendor0_model-0';
      return { source: { ...builder, versionPath, digest: archive.digest }, profile };
    }),
  );
}

/** Makes requests of which no two are for the same build. */
export class BenchRequests {
  readonly #names = packageNames(REAL_SIZE.packages);
  #made = 0;

  /** A request as it comes out of the catalog's checks. */
  resolved({ source, profile }: BenchBuilder): ResolvedRequest {
    const { distro, version, target } = source;
    return {
      spec: {
        ...{ distro, version, target, profile },
        versionCode: '',
        packages: this.#packages(),
        packagesVersions: {},
        diffPackages: true,
        defaults: null,
        rootfsSizeMb: null,
        filesystem: 'squashfs',
        repositories: {},
        repositoriesMode: 'append',
        repositoryKeys: [],
      },
      source,
      client: 'bench/1',
    };
  }

  /** A request as a client sends it. */
  body({ source, profile }: BenchBuilder): string {
    const { version, target } = source;
    const packages = this.#packages();
    return JSON.stringify({
      version,
      target,
      profile,
      packages,
      diff_packages: true,
      filesystem: 'squashfs',
    });
  }

  /** The first two tell the number of the request, the others are the same for all. */
  #packages(): string[] {
    const at = this.#made;
    this.#made += 1;
    const half = this.#names.length / 2;
    const own = [this.#names[at % half], this.#names[half + (Math.floor(at / half) % (half - PACKAGES))]];
    return [...own, ...this.#names.slice(-PACKAGES + 2)].filter((name) => name !== undefined);
  }
}
