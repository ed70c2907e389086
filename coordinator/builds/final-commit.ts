import { type BuildState, binDir, type Outcome } from '../../shared/domain/build.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import { dropStaged } from '../artifacts/drop-staged.ts';
import type { BuildJson } from '../artifacts/sealed-build.ts';
import type { SecondCopies } from '../queue/second-copies.ts';
import type { BuildIndex } from './build-index.ts';
import type { BuildRecord } from './build-record.ts';
import type { BuildStore, PublishingBuild } from './build-store.ts';
import { type Lifetimes, sealFarmFailure } from './final-answer.ts';
import type { Watch } from './watch.ts';

export interface FinalCommitDependencies {
  readonly builds: BuildStore;
  readonly index: Pick<BuildIndex, 'markPurged'>;
  readonly artifacts: ArtifactStore;
  readonly copies: Pick<SecondCopies, 'remove'>;
  readonly watch: Watch;
  readonly log: Log;
  readonly lifetimes: Lifetimes;
  /** Told once of each build that became final here, with its `build.json`. Must not throw. */
  readonly onFinished: (outcome: Outcome, json: BuildJson) => void;
}

/** Makes builds that are in `publishing` final. Each step is repeatable, by any coordinator, at the same time too. */
export class FinalCommit {
  readonly #deps: FinalCommitDependencies;

  constructor(deps: FinalCommitDependencies) {
    this.#deps = deps;
  }

  /** Keeps the winner's files, commits `build.json`, then makes the build final. Does nothing for a build not in `publishing`. */
  async complete(requestHash: string): Promise<void> {
    const { builds, artifacts, watch, log } = this.#deps;
    const publishing = await builds.publishing(requestHash);
    if (!publishing) return;
    const json = await this.#keepFiles(publishing);
    const standing = await artifacts.commit(json);
    if (await builds.finish(standing)) {
      this.#deps.onFinished(standing.outcome, standing);
      log.info({ requestHash, outcome: standing.outcome, attempt: standing.attempt }, 'build is final');
    }
    watch.notify(requestHash, 'state');
    await this.purge(requestHash, json.generation);
    if (publishing.sealed.attemptKey) await dropStaged({ artifacts, log }, publishing.sealed.attemptKey);
  }

  /**
   * Throws `unavailable` when Redis lost a build while it was being ended: it will be put back unfinished, so who ended it must do so
   * once more.
   */
  async requireEnded({
    requestHash,
    generation,
  }: Pick<BuildRecord, 'requestHash' | 'generation'>): Promise<void> {
    const record = await this.#deps.builds.get(requestHash);
    if (record && (record.generation !== generation || !isWorkedOn(record.state))) return;
    throw new FarmError('unavailable', `Redis lost build ${requestHash} while it was ended; say so again`, {
      details: { service: 'database' },
    });
  }

  /** Removes the second copy of a final build. What fails here is repeated by the keeper. */
  async purge(requestHash: string, generation: string): Promise<void> {
    try {
      await this.#deps.copies.remove(requestHash, generation);
      await this.#deps.index.markPurged(requestHash);
    } catch (thrown) {
      this.#deps.log.debug({ requestHash, reason: messageOf(thrown) }, 'second copy stays for now');
    }
  }

  async #keepFiles(publishing: PublishingBuild): Promise<BuildJson> {
    const { sealed } = publishing;
    if (!sealed.attemptKey) return buildJsonOf(publishing);
    try {
      await this.#deps.artifacts.makePermanent(
        sealed.attemptKey,
        binDir(publishing.record.requestHash, publishing.record.generation),
        sealed.artifacts,
      );
      return buildJsonOf(publishing);
    } catch (thrown) {
      if (!hasCode(thrown, 'not_found')) throw thrown;
      const { requestHash } = publishing.record;
      const reason = FarmError.from(thrown).message;
      // Where Redis lost it meanwhile they were rightly dropped: it is made once more, and must not have failed.
      if ((await this.#deps.builds.publishing(requestHash))?.sealed.attemptKey !== sealed.attemptKey) {
        throw new FarmError(
          'unavailable',
          `build ${requestHash} is not on its way to its end any more: ${reason}`,
        );
      }
      // The winner's uploads are gone, so this result can never be served; the next request builds anew.
      this.#deps.log.error({ requestHash, reason }, 'uploads of the winner are gone');
      return buildJsonOf({
        ...publishing,
        sealed: sealFarmFailure(
          publishing.record,
          'The files of this build were lost. Please try again.',
          this.#deps.lifetimes,
        ),
      });
    }
  }
}

function isWorkedOn(state: BuildState): boolean {
  return state === 'queued' || state === 'running';
}

function buildJsonOf({ record, sealed, winner, sealedAt }: PublishingBuild): BuildJson {
  return {
    version: 1,
    requestHash: record.requestHash,
    generation: record.generation,
    attempt: winner,
    lane: record.lane,
    source: record.source,
    spec: { ...record.spec, defaults: null },
    client: record.client,
    acceptedAt: record.acceptedAt,
    finishedAt: sealedAt,
    expiresAt: sealedAt + sealed.keepMs,
    ...sealed,
  };
}
