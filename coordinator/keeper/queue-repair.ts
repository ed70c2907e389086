import type { Clock } from '../../shared/clock.ts';
import type { Lane } from '../../shared/domain/build-spec.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import type { Log } from '../../shared/log.ts';
import { jobSubject } from '../../shared/messages/subjects.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { OnRepair } from '../builds/repairs.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { Each } from './each.ts';

/** Jobs of one builder that are published again in one look. */
const MOST_JOBS = 100;

export interface QueueRepairDependencies {
  readonly queue: JobQueue;
  readonly builds: Pick<BuildStore, 'get'>;
  readonly waiting: Pick<WaitingQueue, 'waitingSets' | 'waitingHashes'>;
  readonly each: Each;
  readonly onRepair: OnRepair;
  readonly clock: Clock;
  readonly log: Log;
}

/** A build for which a job is to be published. */
interface WaitingBuild {
  readonly requestHash: string;
  readonly generation: string;
  readonly attempt: number;
}

/** Makes the job queue on NATS say what waits in Redis: NATS may lose jobs, and keep some that are over. */
export class QueueRepair {
  readonly #deps: QueueRepairDependencies;
  /** Subjects that held jobs while nothing waited, at the last look. */
  #idleSubjects: ReadonlySet<string> = new Set();

  constructor(deps: QueueRepairDependencies) {
    this.#deps = deps;
  }

  async step(): Promise<void> {
    const { queue, waiting, each } = this.#deps;
    const sets = await waiting.waitingSets();
    const counts = await queue.countsBySubject();
    await each(sets, (set) => this.#repair(set, counts.get(jobSubject(set.lane, set.builder)) ?? 0));
    await this.#purgeIdle(sets, [...counts.keys()]);
  }

  /** Queues a job again, for a build whose last one was used up or lost. */
  async republish(lane: Lane, builder: string, build: WaitingBuild): Promise<void> {
    const { requestHash, generation, attempt } = build;
    // A new id each time: the server may drop a known one although its message is gone.
    const messageId = `${attemptKey({ requestHash, generation, attempt: attempt + 1 })}.${this.#deps.clock.now()}`;
    await this.#deps.queue.publishJob(lane, builder, { requestHash, generation }, messageId);
  }

  async #repair(set: WaitingSet, stored: number): Promise<void> {
    const { queue, onRepair, log } = this.#deps;
    const { lane, builder } = set;
    const deliverable = await queue.deliverableCount(lane, builder);
    if (stored > deliverable) {
      const dropped = await queue.dropSettled(lane, builder);
      if (dropped > 0) {
        onRepair('dropped_job', dropped);
        log.warn({ builder, dropped }, 'jobs that were settled were there still and are dropped');
      }
    }
    if (set.count > deliverable) await this.#replaceLost(set, set.count - deliverable);
  }

  /** Builds wait and no job says so: the server lost it, or it was acknowledged for another one. */
  async #replaceLost({ lane, builder }: WaitingSet, missing: number): Promise<void> {
    const { builds, waiting, onRepair, log } = this.#deps;
    let published = 0;
    for (const hash of await waiting.waitingHashes(lane, builder, Math.min(missing, MOST_JOBS))) {
      const record = await builds.get(hash);
      if (record?.state === 'queued' && builderToken(record.source) === builder) {
        await this.republish(lane, builder, record);
        published += 1;
        log.debug({ requestHash: hash, builder }, 'its job was missing and is published again');
      }
    }
    onRepair('republished_job', published);
    log.warn({ builder, missing, published }, 'jobs were missing and are published again');
  }

  /** Jobs for which nothing waits, twice in a row, are over. */
  async #purgeIdle(sets: readonly WaitingSet[], subjects: readonly string[]): Promise<void> {
    const { queue, each, onRepair, log } = this.#deps;
    const wanted = new Set(sets.map((set) => jobSubject(set.lane, set.builder)));
    const idle = new Set(subjects.filter((subject) => !wanted.has(subject)));
    await each(
      [...idle].filter((subject) => this.#idleSubjects.has(subject)),
      async (subject) => {
        const dropped = await queue.purgeJobs(subject);
        if (dropped === 0) return;
        onRepair('dropped_job', dropped);
        log.info({ subject, dropped }, 'jobs for which nothing waits are dropped');
      },
    );
    this.#idleSubjects = idle;
  }
}
