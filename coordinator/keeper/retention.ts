import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import { buildsToRemove, type RetentionLimits } from '../artifacts/retention-policy.ts';
import type { BuildStore } from '../builds/build-store.ts';

/** Bytes without a build are left alone for this long: one may be about to be committed, milliseconds. */
const UNCOMMITTED_MS = 60 * 60_000;

export interface RetentionDependencies {
  readonly artifacts: Pick<ArtifactStore, 'kept' | 'remove' | 'removeUnused'>;
  readonly builds: Pick<BuildStore, 'forget'>;
  /** Redis': a coordinator whose own clock is wrong must not remove what others serve. */
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/**
 * Removes builds nobody is owed any more. A download under way is not cut: the bytes of an open file stay until it is closed, and a
 * bucket goes on with an answer that it began.
 */
export class Retention {
  readonly #deps: RetentionDependencies;
  readonly #limits: RetentionLimits;

  constructor(deps: RetentionDependencies, limits: RetentionLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  /** Looks through the store once and removes what is due. */
  async step(): Promise<void> {
    const { artifacts, builds, clock, log } = this.#deps;
    const due = buildsToRemove(await artifacts.kept(), this.#limits, clock.now());
    for (const build of due) {
      try {
        // First the answer that names the files, then the files.
        await builds.forget(build.requestHash, build.generation);
        await artifacts.remove(build);
        log.info(
          { requestHash: build.requestHash, sizeBytes: build.sizeBytes },
          'files of a build were removed',
        );
      } catch (thrown) {
        log.warn(
          { requestHash: build.requestHash, reason: messageOf(thrown) },
          'a build could not be removed',
        );
      }
    }
    await artifacts.removeUnused(UNCOMMITTED_MS);
  }
}
