import type { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import type { Clock } from '../../shared/clock.ts';
import { LANES } from '../../shared/domain/build-spec.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, parseAttemptKey } from '../../shared/domain/lease.ts';
import { messageOf } from '../../shared/errors.ts';
import { runLoop } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import { jobSubject } from '../../shared/messages/subjects.ts';
import type { DirectoryStore } from '../artifacts/directory-store.ts';
import type { Retention } from '../artifacts/retention.ts';
import type { AttemptEnds } from '../builds/attempt-ends.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildService } from '../builds/build-service.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { JobQueue } from '../builds/job-queue.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import { Health } from './health.ts';
import type { KeeperLock } from './keeper-lock.ts';
import type { UpstreamFollower } from './upstream-follower.ts';

/** How often the keeper looks, and how often it compares the queue with what waits. */
const STEP_MS = 500;
const RECONCILE_MS = 2_000;
/** At the start nobody holds the lock yet, and whoever takes it over looks this soon, milliseconds. */
const UNHELD_MS = 500;
/** How often, and how old, uploads that nobody owns are looked for. */
const SWEEP_MS = 60_000;
/** What should have happened at once is repeated when it has not for this long. */
const LATE_MS = 3_000;

export interface KeeperDependencies {
  readonly redis: Redis;
  readonly connection: NatsConnection;
  readonly builds: BuildStore;
  readonly attempts: AttemptStore;
  readonly waiting: WaitingQueue;
  readonly service: BuildService;
  readonly commit: FinalCommit;
  readonly ends: AttemptEnds;
  readonly queue: JobQueue;
  readonly lock: KeeperLock;
  readonly retention: Retention;
  /** How often the artifact store is looked through for what is due to go, milliseconds. */
  readonly clearMs: number;
  readonly staging: Pick<DirectoryStore, 'stagedBefore' | 'drop'>;
  readonly follower: Pick<UpstreamFollower, 'step'>;
  /** How often what the farm has is compared with what upstream offers, milliseconds. */
  readonly followMs: number;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly log: Log;
}

/** Keeps accepted builds moving when what should have moved them is gone. Works on one coordinator at a time. */
export class Keeper {
  readonly #deps: KeeperDependencies;
  readonly #health: Health;
  #reconciledAt = 0;
  #sweptAt = 0;
  #isHolder = false;
  /** Subjects that held jobs while nothing waited, at the last look. */
  #idleSubjects: ReadonlySet<string> = new Set();

  constructor(deps: KeeperDependencies) {
    this.#deps = deps;
    this.#health = new Health(deps.clock);
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
    // Asking upstream and reading the whole store may take long; nothing else waits for them.
    await Promise.all([
      loop('keep', () => this.step()),
      loop('follow upstream', () => this.#followUpstream()),
      loop('clear the store', () => this.#clearStore()),
    ]);
    clearInterval(beating);
    await lock.release().catch(() => undefined);
  }

  /** One look; returns how long to wait for the next, milliseconds. */
  async step(): Promise<number> {
    const { redis, connection, lock, clock } = this.#deps;
    try {
      await redis.ping();
      await connection.flush();
    } catch (thrown) {
      this.#health.look(false);
      throw thrown;
    }
    this.#health.look(true);
    this.#isHolder = await lock.hold();
    if (!this.#isHolder) return STEP_MS;
    await this.#expireLeases();
    await this.#releaseDelayed();
    await this.#each(await this.#deps.builds.publishingFor(LATE_MS), (hash) =>
      this.#deps.commit.complete(hash),
    );
    if (clock.now() - this.#reconciledAt >= RECONCILE_MS) {
      this.#reconciledAt = clock.now();
      await this.#reconcile();
    }
    return STEP_MS;
  }

  async #expireLeases(): Promise<void> {
    if (this.#health.wellMs < this.#deps.leaseMs) return;
    await this.#each(await this.#deps.attempts.expiredAttempts(), async (key) => {
      const id = parseAttemptKey(key);
      if (!id) return;
      const agentId = await this.#deps.attempts.agentOf(id);
      await this.#deps.ends.lose(id, 'lease_expired', 'its agent went silent', {
        onlyIfExpired: true,
        ...(agentId === undefined ? {} : { agentId }),
      });
    });
  }

  async #releaseDelayed(): Promise<void> {
    await this.#each(await this.#deps.waiting.releaseDelayed(), async (build) => {
      const lane = LANES.find((each) => each === build.lane);
      if (lane) await this.#republish(lane, build.builder, build);
    });
  }

  async #reconcile(): Promise<void> {
    const { queue, builds, service, commit, waiting, clock } = this.#deps;
    await queue.ensureStreams();
    await this.#each(await builds.unpublishedFor(LATE_MS), async (hash) => {
      const record = await builds.get(hash);
      if (record?.state === 'queued') await service.publish(record);
      else await builds.markPublished(hash);
    });
    await this.#each(await builds.unpurgedFor(LATE_MS), (hash) => commit.purge(hash));
    const sets = await waiting.waitingSets();
    await this.#each(sets, (set) => this.#replaceLostJobs(set));
    await this.#purgeOrphans(sets);
    if (clock.now() - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = clock.now();
      await this.#sweepStaging();
    }
  }

  /** Uploads of attempts that are over, left by a coordinator that died before it dropped them or by a write that came late. */
  async #sweepStaging(): Promise<void> {
    const { staging, attempts, builds, log } = this.#deps;
    await this.#each(await staging.stagedBefore(SWEEP_MS), async (key) => {
      const id = parseAttemptKey(key);
      if (id && (await attempts.agentOf(id)) !== undefined) return;
      if (id && (await builds.publishing(id.requestHash))?.sealed.attemptKey === key) return;
      await staging.drop(key);
      log.info({ attempt: key }, 'uploads of an attempt that is over were removed');
    });
  }

  /** Does something for each item; what fails for one is told and keeps it from no other. */
  async #each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    for (const item of items) {
      try {
        await work(item);
      } catch (thrown) {
        this.#deps.log.warn({ item, reason: messageOf(thrown) }, 'keeper could not do its work for one item');
      }
    }
  }

  /** A build waits and no job says so: the server lost it, or it was acknowledged for another one. */
  async #replaceLostJobs(set: WaitingSet): Promise<void> {
    const missing = set.count - (await this.#deps.queue.deliverableCount(set.lane, set.builder));
    if (missing <= 0) return;
    const hashes = await this.#deps.waiting.waitingHashes(set.lane, set.builder, Math.min(missing, 100));
    for (const hash of hashes) {
      const record = await this.#deps.builds.get(hash);
      if (record?.state === 'queued' && builderToken(record.source) === set.builder) {
        await this.#republish(set.lane, set.builder, { ...record, requestHash: hash });
      }
    }
    this.#deps.log.warn({ builder: set.builder, missing }, 'jobs were missing and are published again');
  }

  /** Snapshots change daily: what waits, and what is warm, follows. */
  async #followUpstream(): Promise<number> {
    const { follower, followMs } = this.#deps;
    if (!this.#isHolder) return UNHELD_MS;
    await follower.step();
    return followMs;
  }

  async #clearStore(): Promise<number> {
    const { retention, clearMs } = this.#deps;
    if (!this.#isHolder) return Math.min(UNHELD_MS, clearMs);
    await retention.step();
    return clearMs;
  }

  /** A killed nats-server can keep messages that it will never deliver; twice seen with nothing waiting, they are dropped. */
  async #purgeOrphans(sets: readonly WaitingSet[]): Promise<void> {
    const wanted = new Set(sets.map((set) => jobSubject(set.lane, set.builder)));
    const subjects = [...(await this.#deps.queue.countsBySubject()).keys()];
    const idle = new Set(subjects.filter((subject) => !wanted.has(subject)));
    for (const subject of idle) {
      if (this.#idleSubjects.has(subject)) await this.#deps.queue.purgeJobs(subject);
    }
    this.#idleSubjects = idle;
  }

  async #republish(
    lane: WaitingSet['lane'],
    builder: string,
    build: { readonly requestHash: string; readonly generation: string; readonly attempt: number },
  ): Promise<void> {
    const { requestHash, generation, attempt } = build;
    // A new id each time: the server may drop a known one although its message is gone.
    const messageId = `${attemptKey({ requestHash, generation, attempt: attempt + 1 })}.${this.#deps.clock.now()}`;
    await this.#deps.queue.publishJob(lane, builder, { requestHash, generation }, messageId);
  }
}
