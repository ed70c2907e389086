import type { Finish } from '../../proto/generated/wrtfarm/v1/Finish.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import type { AttemptResult } from '../../shared/domain/attempt-result.ts';

/** The end of an attempt as it travels, with all artifacts that were uploaded. */
export function finishMessage(result: AttemptResult, artifacts: readonly Artifact[]): Finish {
  if (result.outcome === 'broken') {
    return { broken: { breakage: result.breakage, reason: result.reason } };
  }
  const { stdout, stderr, buildCommand } = result.output;
  const common: Finish = {
    artifacts: [...artifacts],
    output: { stdout, stderr, buildCommand: [...buildCommand] },
  };
  if (result.outcome === 'failed') {
    return { ...common, failed: { failure: result.failure, reason: result.reason } };
  }
  const { profilesJson, manifest, buildPackages } = result;
  return {
    ...common,
    succeeded: { profilesJson, manifest: { ...manifest }, buildPackages: [...buildPackages] },
  };
}
