import { binDir } from '../../../shared/domain/build.ts';
import { hasCode } from '../../../shared/errors.ts';
import { inParallel } from '../../../shared/in-parallel.ts';
import type { KeptBuilds } from '../artifact-store.ts';
import type { KeptBuild } from '../retention-policy.ts';
import type { BuildJson } from '../sealed-build.ts';
import { Unchanged } from '../unchanged.ts';
import type { Bucket } from './bucket.ts';
import { BUILDS, buildJsonKey, FILES, filesPrefix, markerKey, ownerOf } from './layout.ts';

/** `build.json` objects that are read at the same time. */
const READS = 8;

export interface KeptInBucketDependencies {
  readonly bucket: Bucket;
  readonly readBuildJson: (binDir: string) => Promise<BuildJson | undefined>;
}

/** What a bucket has of finished builds, and its removal. */
export class KeptInBucket implements KeptBuilds {
  readonly #deps: KeptInBucketDependencies;
  /** What was read before: a `build.json` never changes, and reading thousands of them each time costs money and time. */
  #known: ReadonlyMap<string, KeptBuild> = new Map();
  readonly #unchanged = new Unchanged();

  constructor(deps: KeptInBucketDependencies) {
    this.#deps = deps;
  }

  async kept(): Promise<readonly KeptBuild[]> {
    const found = new Map<string, KeptBuild>();
    await inParallel(await this.#committed(), READS, async (folder) => {
      const build = this.#known.get(folder) ?? (await this.#read(folder));
      if (build) found.set(folder, build);
    });
    this.#known = found;
    return [...found.values()];
  }

  /** First what finds the build, then its bytes: what is interrupted leaves bytes that no build uses. */
  async remove(build: Pick<KeptBuild, 'binDir' | 'requestHash'>): Promise<void> {
    const { bucket } = this.#deps;
    await bucket.remove([markerKey(build.requestHash, build.binDir)]);
    await bucket.remove([buildJsonKey(build.binDir)]);
    await bucket.removeBelow(filesPrefix(build.binDir));
  }

  /** Files are of one build each, so what has no `build.json` is left over, unless it is about to get one: then it is young. */
  async removeUnused(ageMs: number): Promise<void> {
    const { bucket } = this.#deps;
    const changes = await this.#changes(FILES);
    const committed = await this.#committed();
    const uncommitted = new Map([...changes].filter(([folder]) => !committed.has(folder)));
    for (const folder of this.#unchanged.longerThan(ageMs, uncommitted)) {
      // A build that hung may have gone on since the first look, and it makes its files young before it is committed.
      const now = await this.#changes(filesPrefix(folder));
      if (now.get(folder) !== changes.get(folder)) continue;
      if (!(await bucket.head(buildJsonKey(folder)))) await bucket.removeBelow(filesPrefix(folder));
    }
  }

  /** When files were last written, by the folder of their build, epoch milliseconds. */
  async #changes(prefix: string): Promise<ReadonlyMap<string, number>> {
    const changedAt = new Map<string, number>();
    for await (const file of this.#deps.bucket.list(prefix)) {
      const folder = ownerOf(file.key);
      changedAt.set(folder, Math.max(file.changedAt, changedAt.get(folder) ?? 0));
    }
    return changedAt;
  }

  async #committed(): Promise<ReadonlySet<string>> {
    const folders = new Set<string>();
    for await (const { key } of this.#deps.bucket.list(BUILDS)) folders.add(ownerOf(key));
    return folders;
  }

  async #read(folder: string): Promise<KeptBuild | undefined> {
    const json = await this.#deps.readBuildJson(folder).catch((thrown: unknown) => {
      if (hasCode(thrown, 'unavailable')) throw thrown;
    });
    if (!json) return undefined;
    const { requestHash, generation, finishedAt, expiresAt } = json;
    const sizeBytes = json.artifacts.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
    return {
      binDir: binDir(requestHash, generation),
      requestHash,
      generation,
      finishedAt,
      expiresAt,
      sizeBytes,
    };
  }
}
