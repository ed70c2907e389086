import { type Artifact, MAX_ARTIFACTS, MAX_ATTEMPT_BYTES } from '../../shared/domain/artifact.ts';
import { FarmError } from '../../shared/errors.ts';

export interface StagingLimits {
  /** Most files of different content that one attempt may stage. */
  readonly maxFiles: number;
  /** Most bytes that one attempt may stage. */
  readonly maxBytes: number;
}

export const STAGING_LIMITS: StagingLimits = { maxFiles: MAX_ARTIFACTS, maxBytes: MAX_ATTEMPT_BYTES };

/** Writes of one file that were broken off, or still run, beside the files themselves. */
const MAX_SPARE_PARTS = 56;

/** A file in an attempt's folder: complete, or as far as it came. */
export interface StagedFile {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * Checks that one more artifact fits beside what its attempt has staged. It counts with all the bytes it will have, the others
 * with those that are there.
 * @param others every other file in the attempt's folder.
 * @throws FarmError `resource_exhausted`.
 */
export function requireRoom(artifact: Artifact, others: readonly StagedFile[], limits: StagingLimits): void {
  const contents = new Set([artifact.sha256, ...others.map(({ sha256 }) => sha256)]);
  if (contents.size > limits.maxFiles || others.length >= limits.maxFiles + MAX_SPARE_PARTS) {
    throw new FarmError(
      'resource_exhausted',
      `${artifact.name} is one file too many: an attempt has ${limits.maxFiles} at most`,
    );
  }
  const bytes = others.reduce((sum, { sizeBytes }) => sum + sizeBytes, artifact.sizeBytes);
  if (bytes > limits.maxBytes) {
    throw new FarmError(
      'resource_exhausted',
      `with ${artifact.name} the attempt has ${bytes} bytes, and may have ${limits.maxBytes}`,
    );
  }
}
