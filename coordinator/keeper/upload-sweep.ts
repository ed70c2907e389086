import { parseAttemptKey } from '../../shared/domain/lease.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { OnRepair } from '../builds/repairs.ts';
import type { Each } from './each.ts';

/** Uploads are left alone for this long after the last change: less than from one sweep to the next. Milliseconds. */
const OLD_MS = 50_000;

export interface UploadSweepDependencies {
  readonly staging: Pick<ArtifactStore, 'stagedBefore' | 'drop'>;
  readonly attempts: Pick<AttemptStore, 'agentOf'>;
  readonly builds: Pick<BuildStore, 'publishing'>;
  readonly each: Each;
  readonly onRepair: OnRepair;
  readonly log: Log;
}

/** Drops uploads of attempts that are over, left by a coordinator that died before it dropped them or by a write that came late. */
export async function sweepUploads(deps: UploadSweepDependencies): Promise<void> {
  const { staging, attempts, builds, each, onRepair, log } = deps;
  await each(await staging.stagedBefore(OLD_MS), async (key) => {
    const id = parseAttemptKey(key);
    if (id && (await attempts.agentOf(id)) !== undefined) return;
    if (id && (await builds.publishing(id.requestHash))?.sealed.attemptKey === key) return;
    await staging.drop(key);
    onRepair('dropped_upload');
    log.info({ attempt: key }, 'uploads of an attempt that is over were removed');
  });
}
