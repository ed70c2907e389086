import {
  AckPolicy,
  type JetStreamManager,
  type NatsConnection,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
} from 'nats';
import type { Lane } from '../../shared/domain/build-spec.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { AcceptedBuild, Job } from '../../shared/messages/job.ts';
import {
  ACCEPTED_STREAM,
  acceptedSubject,
  JOBS_STREAM,
  jobConsumer,
  jobSubject,
  wakeAgentSubject,
  wakeSubject,
} from '../../shared/messages/subjects.ts';

/** A fetched job that is not acknowledged stays hidden this long; only a coordinator that died keeps one so. */
const ACK_WAIT_MS = 2_000;
/** A publish or request that takes longer counts as failed; the keeper repeats what matters. */
const REQUEST_MS = 2_000;

/** One job, fetched and to be settled. */
export interface FetchedJob {
  /** The job is served, or there is nothing left to serve: take it off the queue. */
  ack(): void;
  /** Somebody else may fetch it, after `delayMs`. */
  release(delayMs: number): void;
}

/**
 * The durable queue on JetStream, in two streams: JOBS says that builds wait, ACCEPTED holds their second copy. Makes its
 * streams and consumers when they are missing, also after the server lost them.
 */
export class JobQueue {
  readonly #connection: NatsConnection;
  /** Consumers that are there, or being made. */
  readonly #known = new Map<string, Promise<void>>();
  #manager: JetStreamManager | undefined;
  #isConnected = true;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Makes sure both streams exist. Throws `unavailable`. */
  async ensureStreams(): Promise<void> {
    await this.#translate('make the streams', async () => {
      const manager = await this.#jetstream();
      const common = { storage: StorageType.File, num_replicas: 1, duplicate_window: nanos(120_000) };
      await this.#ensureStream(manager, {
        ...common,
        name: JOBS_STREAM,
        subjects: ['jobs.>'],
        retention: RetentionPolicy.Workqueue,
      });
      await this.#ensureStream(manager, {
        ...common,
        name: ACCEPTED_STREAM,
        subjects: ['accepted.>'],
        retention: RetentionPolicy.Limits,
        max_msgs_per_subject: 1,
      });
    });
  }

  /** The server is away: calls fail at once, instead of when their time is up. */
  disconnected(): void {
    this.#isConnected = false;
  }

  /** The server is back, perhaps without its streams and consumers. */
  async reconnected(): Promise<void> {
    this.#isConnected = true;
    this.#known.clear();
    await this.ensureStreams();
  }

  /** Keeps the whole build until its final state. Safe to repeat. */
  async publishAccepted(build: AcceptedBuild): Promise<void> {
    await this.#publish(acceptedSubject(build.requestHash), build, undefined);
  }

  /**
   * Queues a job and wakes the coordinators.
   * @param messageId a second publish with the same id within two minutes may be dropped; a republish needs a new one.
   */
  async publishJob(lane: Lane, builder: string, job: Job, messageId: string): Promise<void> {
    await this.#publish(jobSubject(lane, builder), job, messageId);
    this.wake(lane, builder);
  }

  wake(lane: Lane, builder: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(wakeSubject(lane, builder));
  }

  /** Lets the coordinator at which an agent's pull is parked answer it. May be lost. */
  wakeAgent(agentId: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(wakeAgentSubject(agentId));
  }

  /** The next job of a builder, or undefined when none waits. Never waits for one to come. */
  async fetchJob(lane: Lane, builder: string): Promise<FetchedJob | undefined> {
    await this.#ensureConsumer(lane, builder);
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${JOBS_STREAM}.${jobConsumer(lane, builder)}`;
    return await this.#translate(`fetch a job for ${builder}`, async () => {
      const message = await this.#connection
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
        ack: () => this.#connection.publish(settle, '+ACK'),
        release: (delayMs) => this.#connection.publish(settle, `-NAK {"delay":${delayMs * 1_000_000}}`),
      };
    });
  }

  /** Jobs of a builder that can still be fetched or are fetched and not settled. */
  async deliverableCount(lane: Lane, builder: string): Promise<number> {
    await this.#ensureConsumer(lane, builder);
    return await this.#translate(`count the jobs for ${builder}`, async () => {
      const manager = await this.#jetstream();
      const info = await manager.consumers.info(JOBS_STREAM, jobConsumer(lane, builder));
      return info.num_pending + info.num_ack_pending;
    });
  }

  /** Messages in JOBS by subject: with those that a killed server kept although they were settled. */
  async countsBySubject(): Promise<ReadonlyMap<string, number>> {
    return await this.#translate('count the jobs', async () => {
      const manager = await this.#jetstream();
      const info = await manager.streams.info(JOBS_STREAM, { subjects_filter: 'jobs.>' });
      return new Map(Object.entries(info.state.subjects ?? {}));
    });
  }

  /** Drops every job of a subject. */
  async purgeJobs(subject: string): Promise<void> {
    await this.#translate(`purge ${subject}`, async () => {
      await (await this.#jetstream()).streams.purge(JOBS_STREAM, { filter: subject });
    });
  }

  /** Drops the second copy of a build that reached its final state. Safe to repeat. */
  async removeAccepted(requestHash: string): Promise<void> {
    await this.#translate(`forget accepted build ${requestHash}`, async () => {
      await (await this.#jetstream()).streams.purge(ACCEPTED_STREAM, {
        filter: acceptedSubject(requestHash),
      });
    });
  }

  async #publish(subject: string, message: object, messageId: string | undefined): Promise<void> {
    await this.#translate(`publish to ${subject}`, async () => {
      await this.#connection.jetstream({ timeout: REQUEST_MS }).publish(subject, JSON.stringify(message), {
        ...(messageId === undefined ? {} : { msgID: messageId }),
      });
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
    await this.#translate(`make the consumer ${name}`, async () => {
      const manager = await this.#jetstream();
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

  async #ensureStream(
    manager: JetStreamManager,
    config: Parameters<JetStreamManager['streams']['add']>[0],
  ): Promise<void> {
    const name = config.name ?? '';
    await manager.streams.info(name).catch(async (thrown: unknown) => {
      if (!(thrown instanceof NatsError) || thrown.api_error?.code !== 404) throw thrown;
      await manager.streams.add(config);
    });
  }

  async #jetstream(): Promise<JetStreamManager> {
    this.#manager ??= await this.#connection.jetstreamManager({ timeout: REQUEST_MS, checkAPI: false });
    return this.#manager;
  }

  async #translate<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (!this.#isConnected) throw new FarmError('unavailable', `NATS is away and did not ${what}`);
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof FarmError) throw cause;
      throw new FarmError('unavailable', `NATS did not ${what}: ${messageOf(cause)}`, { cause });
    }
  }
}
