import type { Clock } from '../../../shared/clock.ts';
import type { Artifact } from '../../../shared/domain/artifact.ts';
import { hasCode } from '../../../shared/errors.ts';
import type { HeldArtifact, StagedArtifacts } from '../artifact-store.ts';
import type { StagingFolder } from '../staging-folder.ts';
import { Unchanged } from '../unchanged.ts';
import type { Bucket, BucketEntry } from './bucket.ts';
import { ownerOf, STAGING, stagedKey, stagedPrefix } from './layout.ts';
import { putFile } from './put-file.ts';
import { isOtherBytes } from './s3-error.ts';

/**
 * What came in and was not continued for so long is forgotten, milliseconds: longer than any lease is renewed. Only this
 * coordinator's own disk, by the clock of its machine, as files bear it: should that jump, some begin anew. What is in the bucket is
 * the keeper's.
 */
const FORGOTTEN_MS = 3 * 3_600_000;

export interface S3StagingDependencies {
  readonly bucket: Bucket;
  /** Of this coordinator: bytes come in here, and leave it for the bucket once they are all there and verified. */
  readonly folder: StagingFolder;
  readonly clock: Clock;
}

/**
 * Uploads of attempts: a file that is not complete is on the disk of the coordinator that takes it in, a complete one in the
 * bucket, where every coordinator finds it. An upload that goes on at another coordinator begins that file anew.
 */
export class S3Staging implements StagedArtifacts {
  readonly #deps: S3StagingDependencies;
  /** Files on their way into the bucket, by key: two writes of one file put it there once. */
  readonly #moving = new Map<string, Promise<void>>();
  readonly #unchanged = new Unchanged();

  constructor(deps: S3StagingDependencies) {
    this.#deps = deps;
  }

  async held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact> {
    const { bucket, folder } = this.#deps;
    const staged = await bucket.head(stagedKey(attemptKey, artifact));
    if (staged?.sizeBytes === artifact.sizeBytes) {
      return { heldBytes: artifact.sizeBytes, isComplete: true };
    }
    const { heldBytes } = await folder.held(attemptKey, artifact);
    return { heldBytes, isComplete: false };
  }

  async write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact> {
    const held = await this.held(attemptKey, artifact);
    if (held.isComplete) return held;
    try {
      const written = await this.#deps.folder.write(attemptKey, artifact, offset, bytes);
      if (written.isComplete) await this.#moved(attemptKey, artifact);
      return written;
    } catch (thrown) {
      if (hasCode(thrown, 'failed_precondition')) throw thrown;
      // Another write of this file may have been done first, and all that was here has gone into the bucket with it.
      const now = await this.held(attemptKey, artifact);
      if (!now.isComplete) throw thrown;
      return now;
    }
  }

  async drop(attemptKey: string): Promise<void> {
    const { bucket, folder } = this.#deps;
    await folder.drop(attemptKey);
    const prefix = stagedPrefix(attemptKey);
    for await (const upload of bucket.unfinished(prefix)) await bucket.abort(upload);
    await bucket.removeBelow(prefix);
  }

  async stagedBefore(ageMs: number): Promise<readonly string[]> {
    const { bucket, folder } = this.#deps;
    const inBucket = new Map<string, number>();
    const note = (entry: BucketEntry): void => {
      const attempt = ownerOf(entry.key);
      inBucket.set(attempt, Math.max(entry.changedAt, inBucket.get(attempt) ?? 0));
    };
    for await (const object of bucket.list(STAGING)) note(object);
    for await (const upload of bucket.unfinished(STAGING)) note(upload);
    return this.#unchanged.longerThan(ageMs, new Map([...(await folder.changes()), ...inBucket]));
  }

  /** Forgets what attempts left on this coordinator's disk and finished elsewhere, or never. */
  async clearFolder(): Promise<void> {
    const { folder } = this.#deps;
    for (const [attempt, changedAt] of await folder.changes()) {
      if (Date.now() - changedAt > FORGOTTEN_MS) await folder.drop(attempt);
    }
  }

  /** Resolves once a file that is complete here is in the bucket. */
  async #moved(attemptKey: string, artifact: Artifact): Promise<void> {
    const key = stagedKey(attemptKey, artifact);
    let moving = this.#moving.get(key);
    if (!moving) {
      moving = this.#move(attemptKey, artifact, key).finally(() => this.#moving.delete(key));
      this.#moving.set(key, moving);
    }
    await moving;
  }

  async #move(attemptKey: string, artifact: Artifact, key: string): Promise<void> {
    const { folder } = this.#deps;
    await putFile(this.#deps, folder.completePath(attemptKey, artifact.sha256), key, artifact).catch(
      async (thrown: unknown) => {
        // What was verified and is other bytes now was spoiled on this disk: it comes in anew.
        if (isOtherBytes(thrown)) await folder.dropComplete(attemptKey, artifact);
        throw thrown;
      },
    );
    await folder.dropComplete(attemptKey, artifact);
  }
}
