import type { Readable } from 'node:stream';
import type { Artifact } from '../../shared/domain/artifact.ts';
import type { KeptBuild } from './retention-policy.ts';
import type { BuildJson } from './sealed-build.ts';

/** A file of a finished build, open for reading as often as wanted. */
export interface StoredFile {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The folder under which these bytes never change. */
  readonly binDir: string;
  /** Epoch milliseconds at which its build finished. */
  readonly finishedAt: number;
  /** The bytes from `start` to `end`, both included; all of them by default. The caller consumes or destroys the stream. */
  read(range?: { readonly start: number; readonly end: number }): Readable;
  /** Where clients are to fetch it instead, for an hour at least; absent where they are served from here. */
  readonly redirectUrl?: () => Promise<string>;
}

/** Finds files of finished builds. */
export interface StoredFiles {
  /**
   * @param folder 64 hex digits: a build's `bin_dir`, or a request hash for its newest finished build.
   * @param name of an artifact, or `MANIFEST_NAME`.
   * @returns undefined when there is no such build or file.
   */
  find(folder: string, name: string): Promise<StoredFile | undefined>;
}

/** How much of an artifact is held. */
export interface HeldArtifact {
  readonly heldBytes: number;
  /** All bytes are held and their sha256 is right. */
  readonly isComplete: boolean;
}

/** Takes in what attempts upload. What is staged belongs to its attempt and is nobody else's business. */
export interface StagedArtifacts {
  /** What is complete is so for every coordinator; of what is not, another one may hold less, and then the upload begins anew. */
  held(attemptKey: string, artifact: Artifact): Promise<HeldArtifact>;
  /**
   * Appends bytes from `offset` on, which must be what is held; what arrived before a broken stream stays held.
   * Takes no more bytes from the stream before it has written those it took.
   * @throws FarmError `failed_precondition` for a wrong offset, size or sha256 (what was held is dropped then),
   * `resource_exhausted` when the attempt has more files or bytes than it may, `infrastructure` when the disk does not take it.
   */
  write(
    attemptKey: string,
    artifact: Artifact,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<HeldArtifact>;
  /** Forgets all of an attempt. Safe to repeat. */
  drop(attemptKey: string): Promise<void>;
  /** Attempts that have something staged, to which nothing was added while this coordinator looked for `ageMs`. For the keeper. */
  stagedBefore(ageMs: number): Promise<readonly string[]>;
}

/** What is kept of finished builds, and its removal. For the keeper, now and then: it looks through all there is. */
export interface KeptBuilds {
  /** Every finished build there is. */
  kept(): Promise<readonly KeptBuild[]>;
  /** Removes a finished build. Bytes that another one uses stay. Safe to repeat. */
  remove(build: Pick<KeptBuild, 'binDir' | 'requestHash'>): Promise<void>;
  /** Removes bytes that no build uses and that were not touched while this coordinator looked for `ageMs`. */
  removeUnused(ageMs: number): Promise<void>;
}

/**
 * Keeps results: bytes by their sha256, and one `build.json` for each finished build. All methods throw FarmError `unavailable`
 * while a store on other machines does not answer.
 */
export interface ArtifactStore extends StoredFiles, StagedArtifacts, KeptBuilds {
  /**
   * Makes staged artifacts permanent, for the build whose folder is `binDir`. Safe to repeat.
   * @throws FarmError `not_found` when one is neither staged nor permanent.
   */
  makePermanent(attemptKey: string, binDir: string, artifacts: readonly Artifact[]): Promise<void>;
  /** Writes `build.json` unless there is one for this generation. Returns the one that stands. The commit point. */
  commit(json: BuildJson): Promise<BuildJson>;
  /** Whether the `build.json` of this folder stands. */
  has(binDir: string): Promise<boolean>;
  /** The newest `build.json` of a request hash. */
  newest(requestHash: string): Promise<BuildJson | undefined>;
}
