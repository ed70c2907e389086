import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../../shared/digest.ts';
import {
  ARTIFACT_NAME_PATTERN,
  type Artifact,
  MAX_ARTIFACT_BYTES,
  MAX_ARTIFACTS,
  MAX_ATTEMPT_BYTES,
} from '../../shared/domain/artifact.ts';
import { ProfilesJsonSchema } from '../../shared/domain/profiles-json.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import type { MakeOutcome } from './read-failure.ts';

/** A profiles.json of one profile has a few KB. */
const MAX_PROFILES_JSON_BYTES = 1024 * 1024;

/** The log of the attempt is one more artifact. */
const MAX_FILES = MAX_ARTIFACTS - 1;

/** What lies in BIN_DIR after `make image`. */
export interface BuildFiles {
  readonly artifacts: readonly Artifact[];
  /** Empty when there is none. */
  readonly profilesJson: string;
  /** `some`: at least one image of the profile is listed and there; only then the build succeeded. */
  readonly images: 'some' | MakeOutcome['images'];
}

/**
 * Reads BIN_DIR: plain files directly in it, with names the farm serves. Nothing may run in the view any more. Links are
 * passed over, never followed.
 * @throws FarmError `infrastructure` when there are more or larger files than the farm takes; `cancelled`.
 */
export async function collectOutput(
  directory: string,
  profile: string,
  signal: AbortSignal,
): Promise<BuildFiles> {
  const pattern = new RegExp(ARTIFACT_NAME_PATTERN);
  const artifacts: Artifact[] = [];
  let sumBytes = 0;
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    const found = await lstat(path);
    if (!found.isFile() || !pattern.test(name)) continue;
    sumBytes += found.size;
    if (artifacts.length === MAX_FILES || found.size > MAX_ARTIFACT_BYTES || sumBytes > MAX_ATTEMPT_BYTES) {
      throw new FarmError(
        'infrastructure',
        `make image left more than ${MAX_FILES} files, or of ${MAX_ATTEMPT_BYTES} bytes, or one of ${MAX_ARTIFACT_BYTES}: ${name}`,
      );
    }
    if (signal.aborted) throw new FarmError('cancelled', 'the attempt was cancelled');
    artifacts.push({ name, sha256: await sha256File(path), sizeBytes: found.size });
  }
  const own = artifacts.find((artifact) => artifact.name === 'profiles.json');
  if (!own || own.sizeBytes > MAX_PROFILES_JSON_BYTES) {
    return { artifacts, profilesJson: '', images: 'no profiles.json' };
  }
  const profilesJson = await readFile(join(directory, own.name), 'utf8');
  return { artifacts, profilesJson, images: imagesOf(profilesJson, profile, artifacts) };
}

function imagesOf(text: string, profile: string, artifacts: readonly Artifact[]): BuildFiles['images'] {
  try {
    const { profiles } = parseJsonAs(ProfilesJsonSchema, text, 'profiles.json');
    const own = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
    if (!own) return 'no profile';
    const names = new Set(artifacts.map((artifact) => artifact.name));
    return own.images.some((image) => names.has(image.name)) ? 'some' : 'none';
  } catch (thrown) {
    if (hasCode(thrown, 'invalid_request')) return 'no profiles.json';
    throw thrown;
  }
}
