import type { AttemptResult, Breakage } from '../../shared/domain/attempt-result.ts';
import { LANES } from '../../shared/domain/build-spec.ts';
import { type AttemptId, attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import { inParallel } from '../../shared/in-parallel.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import { dropStaged } from '../artifacts/drop-staged.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { AttemptStore } from './attempt-store.ts';
import type { BuildStore } from './build-store.ts';
import { type Lifetimes, sealFarmFailure, sealResult } from './final-answer.ts';
import type { FinalCommit } from './final-commit.ts';
import { type LossCause, lossText, troubleOf } from './loss.ts';
import type { Watch } from './watch.ts';

/** Artifacts that are looked for at the same time. */
const LOOKS = 8;
/** While others could take it, an agent does not get a build again that it just lost. */
const AVOID_MS = 60_000;

export interface AttemptEndsDependencies {
  readonly builds: BuildStore;
  readonly attempts: AttemptStore;
  readonly artifacts: ArtifactStore;
  readonly commit: FinalCommit;
  readonly queue: JobQueue;
  readonly watch: Watch;
  readonly log: Log;
  readonly lifetimes: Lifetimes;
  /** How many agents besides this one could take a build. */
  readonly otherAgents: (agentId: string | undefined) => Promise<number>;
  /** Told of each attempt that was lost here and counts against its build. */
  readonly onLost: (cause: LossCause) => void;
  /** Told of an agent that went silent with a build. */
  readonly onSilent: (agentId: string) => Promise<void>;
}

/** The ways an attempt ends: with a result, or lost to the farm. */
export class AttemptEnds {
  readonly #deps: AttemptEndsDependencies;

  constructor(deps: AttemptEndsDependencies) {
    this.#deps = deps;
  }

  /**
   * Takes an attempt's result in, and for a success or an honest failure makes the build final. Safe to repeat.
   * @throws FarmError `lease_lost`; `invalid_request` when the result contradicts itself; `failed_precondition` when an
   * artifact it names was not uploaded; `unavailable` when it has to be said again.
   */
  async finish(lease: Lease, result: AttemptResult): Promise<void> {
    const { builds, attempts, artifacts, commit } = this.#deps;
    if (result.outcome === 'broken') {
      const { breakage, reason } = result;
      await this.lose(lease, 'broken', `${breakage}: ${reason}`, { lease, breakage });
      return;
    }
    let record = await builds.get(lease.requestHash);
    if (!record && (await attempts.adopt(lease))) record = await builds.get(lease.requestHash);
    if (!record || record.generation !== lease.generation) {
      throw new FarmError('lease_lost', `build ${lease.requestHash} is not the one of ${attemptKey(lease)}`);
    }
    if (record.state === 'running' || record.state === 'queued') {
      await inParallel(result.artifacts, LOOKS, async (artifact) => {
        if (!(await artifacts.held(attemptKey(lease), artifact)).isComplete) {
          throw new FarmError(
            'failed_precondition',
            `${artifact.name} of ${attemptKey(lease)} was not uploaded`,
          );
        }
      });
    }
    await attempts.sealAttempt(lease, sealResult(record, lease, result, this.#deps.lifetimes));
    await commit.complete(lease.requestHash);
    await commit.requireEnded(lease);
  }

  /**
   * Ends an attempt without a result; its build waits again, or fails after too many losses. Does nothing when the attempt
   * is over already.
   * @param reason for the log; clients are told what kind of trouble it was.
   * @param how `expiredInTerm`: by the keeper of that term, unless its lease was renewed or the keeper replaced meanwhile;
   * `unlistedBy`: unless it was taken up after that pull.
   * @returns whether it was lost by this call.
   */
  async lose(
    id: AttemptId,
    cause: LossCause,
    reason: string,
    how: {
      readonly lease?: Lease;
      readonly expiredInTerm?: string;
      readonly unlistedBy?: Pick<Pull, 'session' | 'sequence'>;
      readonly agentId?: string;
      readonly breakage?: Breakage;
    } = {},
  ): Promise<boolean> {
    const { builds, attempts, queue, log } = this.#deps;
    const record = await builds.get(id.requestHash);
    if (!record) return false;
    const isCounted = cause !== 'handed_back' && cause !== 'grant_not_taken';
    const { breakage, ...holder } = how;
    const trouble = troubleOf(cause, breakage);
    const troubles = [...(await builds.troubles(id.requestHash)), trouble];
    const answer = await attempts.loseAttempt(id, {
      ...holder,
      trouble,
      isCounted,
      avoidMs:
        isCounted && (await this.#deps.otherAgents(how.lease?.agentId ?? how.agentId)) > 0 ? AVOID_MS : 0,
      exhausted: sealFarmFailure(record, lossText(troubles), this.#deps.lifetimes),
    });
    if (answer.status === 'current') return false;
    if (answer.isCounted) this.#deps.onLost(cause);
    log.warn(
      { requestHash: id.requestHash, attempt: id.attempt, agentId: answer.agentId, cause, reason },
      'attempt lost',
    );
    if (cause === 'lease_expired' && answer.agentId) {
      await this.#deps.onSilent(answer.agentId);
      // Perhaps only its stream is broken: by its pull it can be told to stop.
      queue.wakeAgent(answer.agentId);
    }
    this.#deps.watch.notify(id.requestHash, 'state');
    if (answer.status === 'exhausted') await this.#deps.commit.complete(id.requestHash);
    const lane = LANES.find((each) => each === answer.lane);
    if (answer.status === 'queued' && lane && answer.builder) {
      const messageId = attemptKey({ ...id, attempt: id.attempt + 1 });
      // What is not published now is published by the keeper: it compares the queue with what waits.
      await queue
        .publishJob(
          lane,
          answer.builder,
          { requestHash: id.requestHash, generation: id.generation },
          messageId,
        )
        .catch((thrown: unknown) =>
          log.warn({ reason: FarmError.from(thrown).message }, 'job waits for the keeper'),
        );
    }
    // Last: a bucket that is slow keeps the build from no other agent.
    await dropStaged({ artifacts: this.#deps.artifacts, log }, attemptKey(id));
    return true;
  }
}
