import type { Clock } from '../../../shared/clock.ts';
import { type Artifact, MANIFEST_NAME } from '../../../shared/domain/artifact.ts';
import { binDir } from '../../../shared/domain/build.ts';
import { FarmError } from '../../../shared/errors.ts';
import { inParallel } from '../../../shared/in-parallel.ts';
import type { ArtifactStore, HeldArtifact, StoredFile } from '../artifact-store.ts';
import { manifestFile } from '../manifest-file.ts';
import { newestBuild } from '../newest-build.ts';
import type { KeptBuild } from '../retention-policy.ts';
import { type BuildJson, parseBuildJson } from '../sealed-build.ts';
import type { Bucket } from './bucket.ts';
import { KeptInBucket } from './kept-in-bucket.ts';
import { buildJsonKey, fileKey, markerKey, markersPrefix, stagedKey } from './layout.ts';
import { readObject } from './read-object.ts';
import type { S3Staging } from './s3-staging.ts';

/** Copies at the same time. */
const COPIES = 4;
/** A build that was seen to stand is believed to for so long: who removes one says so in Redis first, milliseconds. */
const STANDS_MS = 30_000;
/** Builds that are remembered to stand. */
const MAX_STANDING = 10_000;

export interface S3StoreDependencies {
  readonly bucket: Bucket;
  readonly staging: S3Staging;
  readonly clock: Clock;
  /** Where clients fetch an object from the bucket themselves; absent where they do not. */
  readonly redirectTo?: (key: string, name: string) => Promise<string>;
}

/** An artifact store in a bucket that all coordinators share. See `layout.ts` for what is where. */
export class S3Store implements ArtifactStore {
  readonly #deps: S3StoreDependencies;
  readonly #kept: KeptInBucket;
  /** When builds were last seen to stand, steady milliseconds, the longest ago first. */
  readonly #standing = new Map<string, number>();

  constructor(deps: S3StoreDependencies) {
    this.#deps = deps;
    this.#kept = new KeptInBucket({ ...deps, readBuildJson: (folder) => this.#readBuildJson(folder) });
  }

  async held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact> {
    return await this.#deps.staging.held(attemptKey, artifact);
  }

  async write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact> {
    return await this.#deps.staging.write(attemptKey, artifact, offset, bytes);
  }

  async drop(attemptKey: string): Promise<void> {
    await this.#deps.staging.drop(attemptKey);
  }

  async stagedBefore(ageMs: number): Promise<readonly string[]> {
    return await this.#deps.staging.stagedBefore(ageMs);
  }

  async kept(): Promise<readonly KeptBuild[]> {
    return await this.#kept.kept();
  }

  async remove(build: Pick<KeptBuild, 'binDir' | 'requestHash'>): Promise<void> {
    this.#standing.delete(build.binDir);
    await this.#kept.remove(build);
  }

  async removeUnused(ageMs: number): Promise<void> {
    await this.#kept.removeUnused(ageMs);
  }

  /** Copies anew what was copied before: that makes it young, so that it is not taken for left over before it is committed. */
  async makePermanent(attemptKey: string, folder: string, artifacts: readonly Artifact[]): Promise<void> {
    const { bucket } = this.#deps;
    await inParallel(artifacts, COPIES, async (artifact) => {
      const key = fileKey(folder, artifact);
      if (await bucket.copy(stagedKey(attemptKey, artifact), key, artifact.sizeBytes)) return;
      // What is staged goes only after the copy was made, so it is looked for in this order.
      if ((await bucket.head(key))?.sizeBytes === artifact.sizeBytes) return;
      throw new FarmError('not_found', `${artifact.name} of ${attemptKey} is not in the bucket`);
    });
  }

  async commit(json: BuildJson): Promise<BuildJson> {
    const { bucket } = this.#deps;
    const folder = binDir(json.requestHash, json.generation);
    await bucket.write(markerKey(json.requestHash, folder), '');
    await bucket.writeOnce(buildJsonKey(folder), JSON.stringify(json));
    const standing = await this.#readBuildJson(folder);
    if (!standing) throw new FarmError('unavailable', `build.json of ${folder} was written and is not there`);
    return standing;
  }

  async has(folder: string): Promise<boolean> {
    const { bucket, clock } = this.#deps;
    const seenAt = this.#standing.get(folder);
    if (seenAt !== undefined && clock.steadyMs() - seenAt < STANDS_MS) return true;
    this.#standing.delete(folder);
    const askedAt = clock.steadyMs();
    if (!(await bucket.head(buildJsonKey(folder)))) return false;
    this.#standing.set(folder, askedAt);
    const [oldest] = this.#standing.keys();
    if (this.#standing.size > MAX_STANDING && oldest !== undefined) this.#standing.delete(oldest);
    return true;
  }

  async newest(requestHash: string): Promise<BuildJson | undefined> {
    const prefix = markersPrefix(requestHash);
    const folders: string[] = [];
    for await (const { key } of this.#deps.bucket.list(prefix)) folders.push(key.slice(prefix.length));
    return await newestBuild(folders.map((folder) => this.#readBuildJson(folder)));
  }

  async find(folder: string, name: string): Promise<StoredFile | undefined> {
    if (!/^[0-9a-f]{64}$/.test(folder)) return undefined;
    const json = (await this.#readBuildJson(folder)) ?? (await this.newest(folder));
    const artifact = json?.artifacts.find((each) => each.name === name);
    if (json && !artifact && name === MANIFEST_NAME) return manifestFile(json);
    if (!json || !artifact) return undefined;
    const { bucket, redirectTo } = this.#deps;
    const { sha256, sizeBytes } = artifact;
    const key = fileKey(binDir(json.requestHash, json.generation), artifact);
    if ((await bucket.head(key))?.sizeBytes !== sizeBytes) return undefined;
    return {
      name,
      sha256,
      sizeBytes,
      binDir: binDir(json.requestHash, json.generation),
      finishedAt: json.finishedAt,
      read: (range = { start: 0, end: sizeBytes - 1 }) => readObject(this.#deps, key, range),
      ...(redirectTo ? { redirectUrl: () => redirectTo(key, name) } : {}),
    };
  }

  async #readBuildJson(folder: string): Promise<BuildJson | undefined> {
    const text = await this.#deps.bucket.read(buildJsonKey(folder));
    if (text === undefined) return undefined;
    return parseBuildJson(text, folder);
  }
}
