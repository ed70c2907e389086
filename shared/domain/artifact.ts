import { type Static, Type } from 'typebox';
import { SHA256_PATTERN } from '../digest.ts';

/** A file name and nothing else: no slash, no leading dot, no control character. Fits ImageBuilder's output. */
export const ARTIFACT_NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._+~-]{0,199}$';
/** Largest file an attempt may upload, bytes. An x86 image with the largest rootfs a client may ask for fits. */
export const MAX_ARTIFACT_BYTES = 2 * 1024 ** 3;
/** Most files of one attempt. The largest targets write about thirty. */
export const MAX_ARTIFACTS = 200;
/** Most bytes of all files of one attempt: two of the largest. */
export const MAX_ATTEMPT_BYTES = 4 * 1024 ** 3;
/** The log of the attempt, as an artifact. */
export const BUILD_LOG_NAME = 'buildlog.txt';
/** What a finished build's packages and their versions are called beside its images. Source: asu v0.3.0 (contract 3). */
export const MANIFEST_NAME = 'manifest.json';

export const ArtifactSchema = Type.Object({
  name: Type.String({ pattern: ARTIFACT_NAME_PATTERN }),
  sha256: Type.String({ pattern: SHA256_PATTERN }),
  sizeBytes: Type.Integer({ minimum: 0, maximum: MAX_ARTIFACT_BYTES }),
});
export type Artifact = Static<typeof ArtifactSchema>;
