import { AckPolicy, nanos, RetentionPolicy, StorageType } from 'nats';
import type { Lane } from '../../shared/domain/build-spec.ts';
import type { Job } from '../../shared/messages/job.ts';
import {
  JOBS_STREAM,
  jobConsumer,
  jobSubject,
  wakeAgentSubject,
  wakeSubject,
} from '../../shared/messages/subjects.ts';
import { firstOf, type JetStream, REQUEST_MS } from './jetstream.ts';

/** A fetched job that is not acknowledged stays hidden this long; only a coordinator that died keeps one so. */
const ACK_WAIT_MS = 2_000;

/** One job, fetched and to be settled. */
export interface FetchedJob {
  /** The job is served, or there is nothing left to serve: take it off the queue. */
  ack(): void;
  /** Somebody else may fetch it, after `delayMs`. */
  release(delayMs: number): void;
}

/**
 * The durable queue, in the stream JOBS: messages say that builds wait. Makes its stream and consumers when they are missing,
 * also after the server lost them. What needs the server throws FarmError `unavailable`.
 */
export class JobQueue {
  readonly #jetstream: JetStream;
  /** Consumers that are there, or being made. */
  readonly #known = new Map<string, Promise<void>>();

  constructor(jetstream: JetStream) {
    this.#jetstream = jetstream;
  }

  /** Makes the stream where it is missing. */
  async ensureStream(): Promise<void> {
    await this.#jetstream.ensureStream({
      name: JOBS_STREAM,
      subjects: ['jobs.>'],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      num_replicas: 1,
      duplicate_window: nanos(120_000),
    });
  }

  /** The server is back, perhaps without the consumers that were known. */
  reconnected(): void {
    this.#known.clear();
  }

  /**
   * Queues a job and wakes the coordinators.
   * @param messageId a second publish with the same id within two minutes may be dropped; a republish needs a new one.
   */
  async publishJob(lane: Lane, builder: string, job: Job, messageId: string): Promise<void> {
    await this.#jetstream.publish(jobSubject(lane, builder), job, messageId);
    this.wake(lane, builder);
  }

  wake(lane: Lane, builder: string): void {
    this.#say(wakeSubject(lane, builder));
  }

  /** Lets the coordinator at which an agent's pull is parked answer it. May be lost. */
  wakeAgent(agentId: string): void {
    this.#say(wakeAgentSubject(agentId));
  }

  /** The next job of a builder, or undefined when none waits. Never waits for one to come. */
  async fetchJob(lane: Lane, builder: string): Promise<FetchedJob | undefined> {
    await this.#ensureConsumer(lane, builder);
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${JOBS_STREAM}.${jobConsumer(lane, builder)}`;
    return await this.#jetstream.ask(`fetch a job for ${builder}`, async () => {
      const message = await this.#jetstream.connection
        .request(subject, '{"batch":1,"no_wait":true}', { timeout: REQUEST_MS, noMux: true })
        .catch((thrown: unknown) => {
          this.#known.delete(jobConsumer(lane, builder));
          throw thrown;
        });
      if (!message.reply) {
        // A status without a body: 404 is an empty queue, 409 a consumer that was deleted under the request.
        if (message.headers?.code !== 404) this.#known.delete(jobConsumer(lane, builder));
        return undefined;
      }
      const settle = message.reply;
      return {
        ack: () => this.#jetstream.connection.publish(settle, '+ACK'),
        release: (delayMs) =>
          this.#jetstream.connection.publish(settle, `-NAK {"delay":${delayMs * 1_000_000}}`),
      };
    });
  }

  /** Jobs of a builder that can still be fetched or are fetched and not settled. */
  async deliverableCount(lane: Lane, builder: string): Promise<number> {
    await this.#ensureConsumer(lane, builder);
    return await this.#jetstream.ask(`count the jobs for ${builder}`, async (manager) => {
      const info = await manager.consumers.info(JOBS_STREAM, jobConsumer(lane, builder));
      return info.num_pending + info.num_ack_pending;
    });
  }

  /** Messages in JOBS by subject: with those that a killed server kept although they were settled. */
  async countsBySubject(): Promise<ReadonlyMap<string, number>> {
    return await this.#jetstream.ask('count the jobs', async (manager) => {
      const info = await manager.streams.info(JOBS_STREAM, { subjects_filter: 'jobs.>' });
      return new Map(Object.entries(info.state.subjects ?? {}));
    });
  }

  /** Drops every job of a subject; returns how many there were. */
  async purgeJobs(subject: string): Promise<number> {
    return await this.#jetstream.ask(`purge ${subject}`, async (manager) => {
      const { purged } = await manager.streams.purge(JOBS_STREAM, { filter: subject });
      if (purged > 0) return purged;
      const hidden = await firstOf(manager, JOBS_STREAM, subject);
      if (!hidden) return 0;
      return (await manager.streams.deleteMessage(JOBS_STREAM, hidden.seq, false)) ? 1 : 0;
    });
  }

  /**
   * Drops the jobs of a builder that were settled and are there all the same: a killed server keeps some that it will never
   * deliver.
   * @returns how many there were.
   */
  async dropSettled(lane: Lane, builder: string): Promise<number> {
    await this.#ensureConsumer(lane, builder);
    return await this.#jetstream.ask(`drop settled jobs for ${builder}`, async ({ consumers, streams }) => {
      const { ack_floor: floor } = await consumers.info(JOBS_STREAM, jobConsumer(lane, builder));
      if (floor.stream_seq === 0) return 0;
      // Purges up to, not including, the sequence.
      const options = { filter: jobSubject(lane, builder), seq: floor.stream_seq + 1 };
      return (await streams.purge(JOBS_STREAM, options)).purged;
    });
  }

  /** One request makes a consumer, however many want it at once. */
  async #ensureConsumer(lane: Lane, builder: string): Promise<void> {
    const name = jobConsumer(lane, builder);
    let making = this.#known.get(name);
    if (!making) {
      making = this.#makeConsumer(lane, builder);
      this.#known.set(name, making);
    }
    try {
      await making;
    } catch (thrown) {
      if (this.#known.get(name) === making) this.#known.delete(name);
      throw thrown;
    }
  }

  async #makeConsumer(lane: Lane, builder: string): Promise<void> {
    const name = jobConsumer(lane, builder);
    await this.#jetstream.ask(`make the consumer ${name}`, async (manager) => {
      await manager.consumers.add(JOBS_STREAM, {
        durable_name: name,
        filter_subject: jobSubject(lane, builder),
        ack_policy: AckPolicy.Explicit,
        ack_wait: nanos(ACK_WAIT_MS),
        max_deliver: -1,
        max_ack_pending: 10_000,
      });
    });
  }

  #say(subject: string): void {
    const { connection } = this.#jetstream;
    if (!connection.isClosed()) connection.publish(subject);
  }
}
