import { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { BuildIndex } from '../../../coordinator/builds/build-index.ts';
import { OPERATOR } from '../../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../../coordinator/builds/build-record.ts';
import { BuildStore } from '../../../coordinator/builds/build-store.ts';
import { RedisScripts } from '../../../coordinator/builds/redis-scripts.ts';
import { JetStream } from '../../../coordinator/queue/jetstream.ts';
import { JobQueue } from '../../../coordinator/queue/job-queue.ts';
import { SecondCopies } from '../../../coordinator/queue/second-copies.ts';
import { systemClock } from '../../../shared/clock.ts';
import type { Lane } from '../../../shared/domain/build-spec.ts';
import { builderToken } from '../../../shared/domain/builder.ts';
import { attemptKey } from '../../../shared/domain/lease.ts';
import { connectNats } from '../../../shared/nats-connection.ts';
import type { BenchFarm } from '../bench-farm.ts';
import { nowMs } from './now-ms.ts';

/** Builds under way at a time while many are queued. */
const IN_FLIGHT = 200;

/** A build that was asked for, and when, on the clock of `nowMs`. */
export interface Submitted {
  readonly requestHash: string;
  readonly submitAt: number;
  readonly publishAt: number;
  readonly wakeAt: number;
}

/** The queue, with the time of the last wake-up. */
class TimedQueue extends JobQueue {
  wakeAt = 0;
  isQuiet = false;

  override wake(lane: Lane, builder: string): void {
    this.wakeAt = nowMs();
    if (!this.isQuiet) super.wake(lane, builder);
  }
}

/** Queues builds as a second coordinator of the farm would: the same scripts, the same messages. */
export class Submitter implements AsyncDisposable {
  readonly connection: NatsConnection;
  readonly builds: BuildStore;
  readonly #redis: Redis;
  readonly #life: string;
  readonly #queue: TimedQueue;
  readonly #copies: SecondCopies;

  private constructor(connection: NatsConnection, redis: Redis, life: string) {
    this.connection = connection;
    this.#redis = redis;
    this.builds = new BuildStore(redis, new RedisScripts(redis));
    this.#life = life;
    const jetstream = new JetStream(connection);
    this.#queue = new TimedQueue(jetstream);
    this.#copies = new SecondCopies(jetstream);
  }

  static async open(farm: BenchFarm): Promise<Submitter> {
    const connection = await connectNats({
      url: farm.natsUrl,
      name: 'bench submitter',
      inboxPrefix: '_INBOX_coordinator',
      clock: systemClock,
    });
    const redis = new Redis(farm.redisUrl);
    return new Submitter(connection, redis, await new BuildIndex(redis).life());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.disconnect();
    await this.connection.close();
  }

  /** The steps of `BuildService.submit` for a new build. */
  async submit(request: ResolvedRequest): Promise<Submitted> {
    const submitAt = nowMs();
    const terms = { since: this.#life, maxQueued: Number.MAX_SAFE_INTEGER, owner: OPERATOR };
    const submitted = await this.builds.submit(request, terms);
    if (!submitted) throw new Error('Redis was emptied');
    const { record } = submitted;
    const publishAt = nowMs();
    const { requestHash, generation, lane, source, spec, client, acceptedAt, attempt } = record;
    await Promise.all([
      this.#copies.keep(
        { requestHash, generation, lane, source, spec, client, acceptedAt, owner: OPERATOR },
        async () => generation,
      ),
      this.#queue.publishJob(
        lane,
        builderToken(source),
        { requestHash, generation },
        attemptKey({ requestHash, generation, attempt: attempt + 1 }),
      ),
    ]);
    const { wakeAt } = this.#queue;
    await this.builds.markPublished(requestHash, generation);
    return { requestHash, submitAt, publishAt, wakeAt };
  }

  /**
   * Queues `count` builds, many at a time and without waking anybody: for a farm that nobody pulls from yet.
   * @returns their hashes.
   */
  async fill(count: number, request: (at: number) => ResolvedRequest): Promise<readonly string[]> {
    const hashes: string[] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) {
        const at = next;
        next += 1;
        hashes[at] = (await this.submit(request(at))).requestHash;
      }
    };
    this.#queue.isQuiet = true;
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    this.#queue.isQuiet = false;
    return hashes;
  }

  async queuedCount(): Promise<number> {
    return await this.#redis.zcard('wrtfarm:queued');
  }
}
