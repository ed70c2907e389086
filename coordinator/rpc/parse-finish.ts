import { Type } from 'typebox';
import type { Finish__Output } from '../../proto/generated/wrtfarm/v1/Finish.ts';
import { ArtifactSchema, MAX_ARTIFACTS } from '../../shared/domain/artifact.ts';
import { type AttemptResult, BREAKAGES, BUILD_FAILURES } from '../../shared/domain/attempt-result.ts';
import { FarmError } from '../../shared/errors.ts';
import { parseAs } from '../../shared/schema.ts';

const ArtifactsSchema = Type.Array(ArtifactSchema, { maxItems: MAX_ARTIFACTS });

/** The result an agent reports, checked: artifacts have strict names, each at most once, and causes are known ones. Throws `invalid_request`. */
export function parseFinish(finish: Finish__Output): AttemptResult {
  const artifacts = parseAs(ArtifactsSchema, finish.artifacts, 'artifacts');
  if (new Set(artifacts.map((artifact) => artifact.name)).size !== artifacts.length) {
    throw new FarmError('invalid_request', 'an artifact is named twice');
  }
  const output = {
    stdout: finish.output?.stdout ?? '',
    stderr: finish.output?.stderr ?? '',
    buildCommand: finish.output?.buildCommand ?? [],
  };
  if (finish.succeeded) {
    const { profilesJson, manifest, buildPackages } = finish.succeeded;
    return { outcome: 'succeeded', output, artifacts, profilesJson, manifest, buildPackages };
  }
  if (finish.failed) {
    const { failure, reason } = finish.failed;
    return { outcome: 'failed', output, artifacts, failure: oneOf(BUILD_FAILURES, failure), reason };
  }
  if (finish.broken) {
    const { breakage, reason } = finish.broken;
    return { outcome: 'broken', breakage: oneOf(BREAKAGES, breakage), reason };
  }
  throw new FarmError('invalid_request', 'an attempt ends as succeeded, failed or broken');
}

function oneOf<T extends string>(known: readonly T[], given: string): T {
  const found = known.find((each) => each === given);
  if (!found) throw new FarmError('invalid_request', `${given} is not one of ${known.join(', ')}`);
  return found;
}
