import { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { DirectoryStore } from '../../../coordinator/artifacts/directory-store.ts';
import { BuildIndex } from '../../../coordinator/builds/build-index.ts';
import { BuildStore } from '../../../coordinator/builds/build-store.ts';
import { DEFAULT_LIFETIMES, sealCancelled } from '../../../coordinator/builds/final-answer.ts';
import { FinalCommit } from '../../../coordinator/builds/final-commit.ts';
import { RedisScripts } from '../../../coordinator/builds/redis-scripts.ts';
import { Watch } from '../../../coordinator/builds/watch.ts';
import { JetStream } from '../../../coordinator/queue/jetstream.ts';
import { SecondCopies } from '../../../coordinator/queue/second-copies.ts';
import { silentLog } from '../../../shared/log.ts';

/** Ends builds that are being made without anybody making them, as the coordinator does for an operator who cancels them. */
export class AttemptEnder implements Disposable {
  readonly #redis: Redis;
  readonly #builds: BuildStore;
  readonly #commit: FinalCommit;

  constructor(connection: NatsConnection, redisUrl: string, artifactsFolder: string) {
    this.#redis = new Redis(redisUrl);
    this.#builds = new BuildStore(this.#redis, new RedisScripts(this.#redis));
    this.#commit = new FinalCommit({
      builds: this.#builds,
      index: new BuildIndex(this.#redis),
      artifacts: new DirectoryStore(artifactsFolder),
      copies: new SecondCopies(new JetStream(connection)),
      watch: new Watch(connection),
      log: silentLog,
      lifetimes: DEFAULT_LIFETIMES,
      onFinished: () => undefined,
    });
  }

  async end(requestHash: string): Promise<void> {
    const record = await this.#builds.get(requestHash);
    if (!record) return;
    await this.#builds.cancel(record, sealCancelled(record));
    await this.#commit.complete(requestHash);
  }

  [Symbol.dispose](): void {
    this.#redis.disconnect();
  }
}
