import type { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import type { Clock } from '../../shared/clock.ts';
import { isFinal } from '../../shared/domain/build.ts';
import { LANES } from '../../shared/domain/build-spec.ts';
import { parseAttemptKey } from '../../shared/domain/lease.ts';
import { messageOf } from '../../shared/errors.ts';
import { runLoop } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { AttemptEnds } from '../builds/attempt-ends.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildIndex } from '../builds/build-index.ts';
import type { BuildService } from '../builds/build-service.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { Recovery } from '../builds/recovery.ts';
import { redisNowMs } from '../builds/redis-now.ts';
import type { OnRepair } from '../builds/repairs.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { SecondCopies } from '../queue/second-copies.ts';
import { CopyRepair } from './copy-repair.ts';
import { type Each, eachLogged } from './each.ts';
import { Health } from './health.ts';
import type { KeeperLock } from './keeper-lock.ts';
import { QueueRepair } from './queue-repair.ts';
import type { Retention } from './retention.ts';
import { sweepUploads } from './upload-sweep.ts';
import type { UpstreamFollower } from './upstream-follower.ts';

/** How often the keeper looks, and how often it compares Redis with NATS. A build whose agent died waits for the next look. */
const STEP_MS = 250;
const RECONCILE_MS = 2_000;
/** At the start nobody holds the lock yet, and whoever takes it over looks this soon, milliseconds. */
const UNHELD_MS = 500;
/** How often uploads that nobody owns are looked for, milliseconds. */
const SWEEP_MS = 60_000;
/** What should have happened at once is repeated when it has not for this long. */
const LATE_MS = 3_000;
/** A build without a second copy is lost with Redis, so that is repeated sooner, milliseconds. */
const UNPUBLISHED_MS = 500;

export interface KeeperDependencies {
  readonly redis: Redis;
  readonly connection: NatsConnection;
  readonly builds: BuildStore;
  readonly index: BuildIndex;
  readonly recovery: Recovery;
  readonly attempts: AttemptStore;
  readonly waiting: WaitingQueue;
  readonly service: BuildService;
  readonly commit: FinalCommit;
  readonly ends: AttemptEnds;
  readonly queue: JobQueue;
  readonly copies: SecondCopies;
  readonly lock: KeeperLock;
  readonly retention: Retention;
  /** How often the artifact store is looked through for what is due to go, milliseconds. */
  readonly clearMs: number;
  readonly staging: Pick<ArtifactStore, 'stagedBefore' | 'drop'>;
  readonly follower: Pick<UpstreamFollower, 'step'>;
  /** How often what the farm has is compared with what upstream offers, milliseconds. */
  readonly followMs: number;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly onRepair: OnRepair;
  readonly log: Log;
}

/** Keeps accepted builds moving when what should have moved them is gone. Works on one coordinator at a time. */
export class Keeper {
  readonly #deps: KeeperDependencies;
  readonly #each: Each;
  readonly #health: Health;
  readonly #jobs: QueueRepair;
  readonly #copies: CopyRepair;
  #sweptAt = Number.NEGATIVE_INFINITY;
  /** The term in which this coordinator is the keeper; undefined when it is not. */
  #term: string | undefined;

  constructor(deps: KeeperDependencies) {
    this.#deps = deps;
    this.#each = eachLogged(deps.log);
    this.#health = new Health(deps.clock);
    this.#jobs = new QueueRepair({ ...deps, each: this.#each });
    this.#copies = new CopyRepair({ ...deps, each: this.#each });
  }

  /** Runs until the signal is aborted, then gives the lock back. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, lock, log } = this.#deps;
    const beating = setInterval(() => this.#health.beat(), STEP_MS);
    const loop = async (name: string, step: () => Promise<number>): Promise<void> =>
      await runLoop(step, {
        signal,
        clock,
        backoff: { minMs: STEP_MS, maxMs: 2_000 },
        onError: (thrown, failures) => {
          const level = failures === 1 ? 'warn' : 'debug';
          log[level]({ step: name, reason: messageOf(thrown), failures }, 'keeper step failed; it goes on');
        },
      });
    // Comparing, asking upstream and reading the whole store may take long; leases wait for none of them.
    await Promise.all([
      loop('keep', () => this.#keep()),
      loop('reconcile', () => this.#reconcile()),
      loop('follow upstream', () => this.#followUpstream()),
      loop('clear the store', () => this.#clearStore()),
    ]);
    clearInterval(beating);
    await lock.release().catch(() => undefined);
  }

  async #keep(): Promise<number> {
    const { redis, connection, lock } = this.#deps;
    try {
      await connection.flush();
      this.#health.look(true, await redisNowMs(redis));
    } catch (thrown) {
      this.#health.look(false);
      throw thrown;
    }
    this.#term = await lock.hold();
    if (this.#term === undefined) return STEP_MS;
    await this.#expireLeases(this.#term);
    await this.#releaseDelayed();
    await this.#completeFinal();
    await this.#publishLate();
    return STEP_MS;
  }

  async #expireLeases(term: string): Promise<void> {
    const mended = await this.#deps.attempts.mendTimes();
    if (mended > 0) {
      this.#deps.onRepair('mended_time', mended);
      this.#deps.log.warn({ mended }, 'the clock of Redis went back; leases and back-offs were mended');
    }
    if (this.#health.wellMs < this.#deps.leaseMs) return;
    const { attempts, ends, onRepair } = this.#deps;
    await this.#each(await attempts.expiredAttempts(), async (key) => {
      const id = parseAttemptKey(key);
      if (!id) return;
      const agentId = await attempts.agentOf(id);
      const isLost = await ends.lose(id, 'lease_expired', 'its agent went silent', {
        expiredInTerm: term,
        ...(agentId === undefined ? {} : { agentId }),
      });
      if (isLost) onRepair('expired_lease');
    });
  }

  async #releaseDelayed(): Promise<void> {
    await this.#each(await this.#deps.waiting.releaseDelayed(), async (build) => {
      const lane = LANES.find((each) => each === build.lane);
      if (lane) await this.#jobs.republish(lane, build.builder, build);
    });
  }

  /** Builds whose coordinator died between the choice of their winner and their end. */
  async #completeFinal(): Promise<void> {
    const { index, commit, onRepair, log } = this.#deps;
    await this.#each(await index.publishingFor(LATE_MS), async (hash) => {
      await commit.complete(hash);
      onRepair('completed_build');
      log.info({ requestHash: hash }, 'a build that hung on its way to a final state was completed');
    });
  }

  /** Builds of which only Redis knows: whoever took them in has no NATS, or died. */
  async #publishLate(): Promise<void> {
    const { index, builds, service, onRepair } = this.#deps;
    await this.#each(await index.unpublishedFor(UNPUBLISHED_MS), async (hash) => {
      const record = await builds.get(hash);
      if (!record || isFinal(record.state)) {
        await builds.markPublished(hash, record?.generation ?? '');
        return;
      }
      await service.publish(record);
      onRepair('republished_build');
    });
  }

  async #reconcile(): Promise<number> {
    const { queue, copies, index, builds, commit, clock } = this.#deps;
    if (this.#term === undefined) return UNHELD_MS;
    await queue.ensureStream();
    await copies.ensureStream();
    await this.#each(await index.unpurgedFor(LATE_MS), async (hash) => {
      const record = await builds.get(hash);
      if (record && isFinal(record.state)) await commit.purge(hash, record.generation);
      else await index.markPurged(hash);
    });
    await this.#copies.step();
    await this.#jobs.step();
    if (clock.steadyMs() - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = clock.steadyMs();
      await sweepUploads({ ...this.#deps, each: this.#each });
    }
    return RECONCILE_MS;
  }

  /** Snapshots change daily: what waits, and what is warm, follows. */
  async #followUpstream(): Promise<number> {
    const { follower, followMs } = this.#deps;
    if (this.#term === undefined) return UNHELD_MS;
    await follower.step();
    return followMs;
  }

  async #clearStore(): Promise<number> {
    const { retention, clearMs } = this.#deps;
    if (this.#term === undefined) return Math.min(UNHELD_MS, clearMs);
    await retention.step();
    return clearMs;
  }
}
