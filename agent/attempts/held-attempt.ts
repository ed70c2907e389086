import { once } from 'node:events';
import { mkdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { sha256File } from '../../shared/digest.ts';
import { type Artifact, BUILD_LOG_NAME } from '../../shared/domain/artifact.ts';
import type { AttemptResult } from '../../shared/domain/attempt-result.ts';
import type { Stage } from '../../shared/domain/build.ts';
import { builderName, builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, type Lease, leaseTimes } from '../../shared/domain/lease.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Grant } from '../../shared/messages/pull.ts';
import type { BuilderCache } from '../builders/builder-cache.ts';
import type { WarmBuilder } from '../builders/warm-builder.ts';
import type { ArtifactUpload } from '../upload/artifact-upload.ts';
import { AttemptStream } from '../upload/attempt-stream.ts';
import type { CoordinatorPool } from '../upload/coordinator-pool.ts';
import type { ArtifactFile } from '../upload/write-artifact.ts';
import { AttemptLog } from './attempt-log.ts';
import { finishMessage } from './finish-message.ts';

/** A farm that cannot be told within this time finds out by itself, milliseconds. */
const HAND_BACK_MS = 2_000;

/** What an attempt left: its result, and the folder where its artifacts lie by name until it is disposed of. */
export interface FinishedBuild extends AsyncDisposable {
  readonly result: AttemptResult;
  readonly outputDirectory: string;
}

/** Runs the ImageBuilder for one attempt. Never throws for a build that fails; `cancelled` when aborted. */
export type RunBuild = (
  builder: WarmBuilder,
  grant: Grant,
  watch: {
    readonly onStage: (stage: Stage) => void;
    readonly onLog: (text: string) => void;
    readonly signal: AbortSignal;
  },
) => Promise<FinishedBuild>;

export interface HeldAttemptDependencies {
  readonly builders: Pick<BuilderCache, 'acquire'>;
  readonly runBuild: RunBuild;
  readonly pool: CoordinatorPool;
  readonly uploads: Pick<ArtifactUpload, 'upload'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Folder for the logs of running attempts. */
  readonly logDirectory: string;
}

/** One attempt this agent holds: from the grant until the farm recorded its end or took the lease away. */
export class HeldAttempt {
  readonly lease: Lease;
  readonly #grant: Grant;
  readonly #deps: HeldAttemptDependencies;
  readonly #stop = new AbortController();
  #isHandedBack = false;

  constructor(grant: Grant, deps: HeldAttemptDependencies) {
    this.lease = grant.lease;
    this.#grant = grant;
    this.#deps = deps;
  }

  get key(): string {
    return attemptKey(this.lease);
  }

  /** The farm does not want it any more: stops, sends nothing. */
  cancel(): void {
    this.#stop.abort(new FarmError('lease_lost', `the farm took ${this.key} away`));
  }

  /** Stops, and gives the build back to the farm. */
  handBack(): void {
    this.#isHandedBack = true;
    this.#stop.abort(new FarmError('cancelled', 'the agent stops'));
  }

  /** Makes the image and brings it home. Never rejects: what goes wrong is told to the farm, or the farm finds out. */
  async run(): Promise<void> {
    const { log } = this.#deps;
    const facts = { requestHash: this.lease.requestHash, attempt: this.lease.attempt };
    const { source } = this.#grant;
    log.info({ ...facts, builder: builderName(source) }, 'attempt begins');
    // Before anything is waited for: the order to make another builder warm may come in the same answer, and remove this one.
    using use = this.#deps.builders.acquire(builderToken(source), source.digest);
    try {
      await this.#runLogged(use?.builder);
      log.info(facts, 'attempt ended');
    } catch (thrown) {
      log.warn({ ...facts, reason: messageOf(thrown) }, 'attempt dropped');
    }
  }

  async #runLogged(builder: WarmBuilder | undefined): Promise<void> {
    const { logDirectory } = this.#deps;
    let stream: AttemptStream | undefined;
    await mkdir(logDirectory, { recursive: true });
    const path = join(logDirectory, `${this.key}.log`);
    const attemptLog = await AttemptLog.create(path, () => stream?.logGrew());
    const { pool, clock, log } = this.#deps;
    stream = new AttemptStream(
      { pool, clock, log },
      this.lease,
      leaseTimes(this.#grant.leaseMs).renewMs,
      attemptLog,
    );
    try {
      await this.#runStreamed(builder, stream, attemptLog);
    } finally {
      await attemptLog.close();
      await unlink(path).catch(() => undefined);
    }
  }

  async #runStreamed(
    builder: WarmBuilder | undefined,
    stream: AttemptStream,
    attemptLog: AttemptLog,
  ): Promise<void> {
    const streamEnd = new AbortController();
    const streaming = stream.run(streamEnd.signal);
    // A lease that is gone stops the build at once; nothing of it is sent any more.
    streaming.catch((thrown: unknown) => this.#stop.abort(thrown));
    try {
      await this.#buildAndReport(builder, stream, attemptLog);
      await Promise.race([streaming, aborted(this.#stop.signal)]);
      this.#stop.signal.throwIfAborted();
    } catch (thrown) {
      if (this.#isHandedBack) {
        stream.end({ handBack: {} });
        const tooLate = setTimeout(() => streamEnd.abort(), HAND_BACK_MS);
        await streaming.finally(() => clearTimeout(tooLate));
      } else if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
      // An upload may hear of it before the stream does.
      else if (hasCode(thrown, 'lease_lost')) throw thrown;
      else {
        const reason = messageOf(thrown);
        this.#deps.log.error({ reason, attempt: this.key }, 'the attempt failed on this machine');
        stream.end({ finish: finishMessage({ outcome: 'broken', breakage: 'agent', reason }, []) });
        await streaming;
      }
    } finally {
      streamEnd.abort();
      await streaming.catch(() => undefined);
    }
  }

  async #buildAndReport(
    builder: WarmBuilder | undefined,
    stream: AttemptStream,
    attemptLog: AttemptLog,
  ): Promise<void> {
    const { lease, source } = this.#grant;
    const { signal } = this.#stop;
    signal.throwIfAborted();
    if (!builder) {
      const reason = `${builderName(source)} is not warm here any more`;
      stream.end({ finish: finishMessage({ outcome: 'broken', breakage: 'builder', reason }, []) });
      return;
    }
    await using build = await this.#deps.runBuild(builder, this.#grant, {
      onStage: (stage) => stream.reach(stage),
      onLog: (text) => attemptLog.append(text),
      signal,
    });
    const { result } = build;
    if (result.outcome === 'broken') {
      stream.end({ finish: finishMessage(result, []) });
      return;
    }
    await attemptLog.settle();
    const files: ArtifactFile[] = [
      ...result.artifacts.map((artifact) => ({ artifact, path: join(build.outputDirectory, artifact.name) })),
      { artifact: await logArtifact(attemptLog.path), path: attemptLog.path },
    ];
    await this.#deps.uploads.upload(lease, files, signal);
    stream.end({
      finish: finishMessage(
        result,
        files.map((file) => file.artifact),
      ),
    });
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function logArtifact(path: string): Promise<Artifact> {
  const { size } = await stat(path);
  return { name: BUILD_LOG_NAME, sha256: await sha256File(path), sizeBytes: size };
}
