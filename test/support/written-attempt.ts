import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AttemptLog } from '../../agent/attempts/attempt-log.ts';
import { finishMessage } from '../../agent/attempts/finish-message.ts';
import { ArtifactUpload } from '../../agent/upload/artifact-upload.ts';
import { AttemptStream } from '../../agent/upload/attempt-stream.ts';
import { CoordinatorPool } from '../../agent/upload/coordinator-pool.ts';
import { systemClock } from '../../shared/clock.ts';
import { sha256File } from '../../shared/digest.ts';
import { BUILD_LOG_NAME } from '../../shared/domain/artifact.ts';
import type { Stage } from '../../shared/domain/build.ts';
import { leaseTimes } from '../../shared/domain/lease.ts';
import { silentLog } from '../../shared/log.ts';
import type { Grant } from '../../shared/messages/pull.ts';

/** An attempt of which a test says what happens: the agent's own log and stream, without a build behind them. */
export class WrittenAttempt implements AsyncDisposable {
  readonly grant: Grant;
  readonly #log: AttemptLog;
  readonly #stream: AttemptStream;
  readonly #pool: CoordinatorPool;
  readonly #gone = new AbortController();
  readonly #running: Promise<unknown>;

  private constructor(grant: Grant, log: AttemptLog, stream: AttemptStream, pool: CoordinatorPool) {
    this.grant = grant;
    this.#log = log;
    this.#stream = stream;
    this.#pool = pool;
    this.#running = stream.run(this.#gone.signal).catch((thrown: unknown) => thrown);
  }

  /** @param coordinators their gRPC addresses, the one to use first. */
  static async open(grant: Grant, folder: string, coordinators: readonly string[]): Promise<WrittenAttempt> {
    let stream: AttemptStream | undefined;
    const path = join(folder, `${grant.lease.requestHash}-${grant.lease.attempt}.log`);
    const log = await AttemptLog.create(path, () => stream?.logGrew());
    const pool = new CoordinatorPool({ fixed: coordinators });
    const deps = { pool, clock: systemClock, log: silentLog };
    stream = new AttemptStream(deps, grant.lease, leaseTimes(grant.leaseMs).renewMs, log);
    return new WrittenAttempt(grant, log, stream, pool);
  }

  reach(stage: Stage): void {
    this.#stream.reach(stage);
  }

  write(text: string): void {
    this.#log.append(text);
  }

  /** Fails its build, with the log as it was written for good. Resolves when the farm knows. */
  async fail(reason: string): Promise<void> {
    await this.#log.settle();
    const { path } = this.#log;
    const artifact = {
      name: BUILD_LOG_NAME,
      sha256: await sha256File(path),
      sizeBytes: (await stat(path)).size,
    };
    const deps = { pool: this.#pool, clock: systemClock, log: silentLog };
    await new ArtifactUpload(deps).upload(this.grant.lease, [{ artifact, path }], this.#gone.signal);
    const output = { stdout: '', stderr: '', buildCommand: [] };
    const result = { outcome: 'failed', failure: 'build_error', reason, output, artifacts: [] } as const;
    this.#stream.end({ finish: finishMessage(result, [artifact]) });
    await this.#running;
  }

  /** The build goes back to the farm, as when its agent stops. */
  async handBack(): Promise<void> {
    await this.#log.settle();
    this.#stream.end({ handBack: {} });
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gone.abort();
    await this.#running;
    await this.#pool[Symbol.asyncDispose]();
    await this.#log.close();
  }
}
