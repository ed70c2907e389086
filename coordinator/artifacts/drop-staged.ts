import { messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { StagedArtifacts } from './artifact-store.ts';

/** Forgets what an attempt that is over staged. What cannot be removed now is removed by the keeper, and holds nobody up. */
export async function dropStaged(
  deps: { readonly artifacts: Pick<StagedArtifacts, 'drop'>; readonly log: Log },
  attemptKey: string,
): Promise<void> {
  await deps.artifacts.drop(attemptKey).catch((thrown: unknown) => {
    deps.log.debug({ attempt: attemptKey, reason: messageOf(thrown) }, 'uploads stay for now');
  });
}
