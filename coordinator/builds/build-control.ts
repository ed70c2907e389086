import { binDir } from '../../shared/domain/build.ts';
import { requestHash } from '../../shared/domain/build-spec.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { OPERATOR } from './build-owner.ts';
import type { BuildRecord } from './build-record.ts';
import type { BuildService } from './build-service.ts';
import type { BuildStore } from './build-store.ts';
import { sealCancelled } from './final-answer.ts';
import type { FinalCommit } from './final-commit.ts';

export interface BuildControlDependencies {
  readonly builds: Pick<BuildStore, 'get' | 'cancel' | 'prioritise'>;
  readonly service: Pick<BuildService, 'get' | 'submit' | 'forget'>;
  readonly commit: Pick<FinalCommit, 'complete' | 'requireEnded'>;
  readonly artifacts: Pick<ArtifactStore, 'remove'>;
  readonly queue: Pick<JobQueue, 'wakeAgent'>;
  readonly log: Log;
}

/**
 * What an operator does with single builds. Methods throw FarmError `not_found` for a hash nobody knows, `conflict` where the
 * build's state does not allow it.
 */
export class BuildControl {
  readonly #deps: BuildControlDependencies;

  constructor(deps: BuildControlDependencies) {
    this.#deps = deps;
  }

  /**
   * Ends a build that waits or is made; its clients are told that it was cancelled, and who asks again gets it made anew. Safe to repeat.
   */
  async cancel(hash: string): Promise<void> {
    const { builds, commit, queue, log } = this.#deps;
    const record = await this.#existing(hash);
    if (record.state === 'cancelled') return;
    const agentId = await builds.cancel(record, sealCancelled(record));
    if (agentId === 'gone') {
      await commit.requireEnded(record);
      throw refused(await this.#existing(hash), 'cancelled');
    }
    if (agentId !== undefined) queue.wakeAgent(agentId);
    // That it ends so is settled; a store that takes nothing now takes it from the keeper.
    await commit
      .complete(hash)
      .catch((thrown: unknown) =>
        log.warn({ requestHash: hash, reason: messageOf(thrown) }, 'a cancelled build waits for the keeper'),
      );
    await commit.requireEnded(record);
    log.info({ requestHash: hash, agentId }, 'build was cancelled by the operator');
  }

  /** Lets a waiting build be the next one. */
  async prioritise(hash: string): Promise<void> {
    const record = await this.#existing(hash);
    if (!(await this.#deps.builds.prioritise(hash))) throw refused(record, 'put first');
    this.#deps.log.info({ requestHash: hash }, 'build was put first by the operator');
  }

  /** Makes a build anew that failed or was cancelled, on the operator's account: its first asker has had its turn. */
  async retry(hash: string): Promise<BuildRecord> {
    const { service, log } = this.#deps;
    const record = await this.#existing(hash);
    if (record.state !== 'failed' && record.state !== 'cancelled') throw refused(record, 'retried');
    // One that was read back from the store lacks its first-boot script, and with it would be another build.
    if (requestHash(record.spec) !== hash)
      throw refused(record, 'retried: its first-boot script is not kept');
    await this.#forget(record);
    const { spec, source, client } = record;
    log.info({ requestHash: hash }, 'build is made anew for the operator');
    return await service.submit({ spec, source, client }, () => OPERATOR);
  }

  /** Removes a final build with its files: who asks the same gets it made anew. */
  async purge(hash: string): Promise<void> {
    const record = await this.#existing(hash);
    if (record.answer === null) throw refused(record, 'purged');
    await this.#forget(record);
    this.#deps.log.info({ requestHash: hash }, 'build and its files were removed by the operator');
  }

  /** First the answer that names the files, then the files, or the answer would be read back from them. */
  async #forget({ requestHash: hash, generation }: BuildRecord): Promise<void> {
    await this.#deps.service.forget(hash, generation);
    await this.#deps.artifacts.remove({ requestHash: hash, binDir: binDir(hash, generation) });
  }

  async #existing(hash: string): Promise<BuildRecord> {
    // From Redis itself: what this coordinator remembers of a final build may be a moment old.
    const record = (await this.#deps.builds.get(hash)) ?? (await this.#deps.service.get(hash));
    if (record) return record;
    throw new FarmError('not_found', `There is no build ${hash}.`);
  }
}

function refused({ requestHash, state }: BuildRecord, what: string): FarmError {
  return new FarmError('conflict', `Build ${requestHash} is ${state} and cannot be ${what}.`);
}
