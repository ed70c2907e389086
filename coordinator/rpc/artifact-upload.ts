import type { ArtifactStatus } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { QueryArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/QueryArtifactRequest.ts';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { MAX_ARTIFACT_CHUNK_BYTES, parseLease } from '../../shared/attempt-protocol.ts';
import type { Clock } from '../../shared/clock.ts';
import { type Artifact, ArtifactSchema } from '../../shared/domain/artifact.ts';
import { attemptKey, isGenuineLease, type Lease } from '../../shared/domain/lease.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { parseAs } from '../../shared/schema.ts';
import type { HeldArtifact, StagedArtifacts } from '../artifacts/artifact-store.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import { Places } from '../places.ts';
import { requireProgress } from './require-progress.ts';

/** A write asks again whether its lease is current after this many bytes, or milliseconds. */
const RECHECK_BYTES = 16 * 1024 * 1024;
const RECHECK_MS = 5_000;

/**
 * Writes of one agent, and of one connection, at a time: twice what an agent begins, for after a break the farm may notice the end
 * of the old ones late.
 */
const MAX_WRITES = 8;
/**
 * Writes of all agents at a time. A write whose bytes the disk does not take holds an http2 window of 8 MiB, one message that is
 * half here and two that are whole, so all together at most 0.6 GiB.
 */
const MAX_ALL_WRITES = 64;
/** A write that brings no whole piece for this long is ended: 512 KiB take as long at 4 KB/s. Milliseconds. */
const STALLED_MS = 120_000;

/** A store that failed is whole again when it took files for this long: one that is nearly full takes the small ones. Milliseconds. */
const RECOVERED_MS = 60_000;

export interface ArtifactUploadDependencies {
  readonly attempts: Pick<AttemptStore, 'requireCurrent'>;
  readonly staged: Pick<StagedArtifacts, 'held' | 'write'>;
  readonly farmKey: Buffer;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn' | 'info'>;
  /** Told of each write that the artifact store could not take. */
  readonly onFailure: () => void;
}

/** Takes artifacts of attempts in, each write fenced by its lease. */
export class ArtifactUpload {
  readonly #deps: ArtifactUploadDependencies;
  readonly #connections = new Places({
    max: MAX_ALL_WRITES,
    maxPerHolder: MAX_WRITES,
    what: 'uploads',
    code: 'unavailable',
  });
  readonly #agents = new Places({
    max: Number.POSITIVE_INFINITY,
    maxPerHolder: MAX_WRITES,
    what: 'uploads',
    code: 'unavailable',
  });
  /** Steady milliseconds. */
  #failedAt: number | undefined;

  constructor(deps: ArtifactUploadDependencies) {
    this.#deps = deps;
  }

  async query(request: QueryArtifactRequest__Output): Promise<ArtifactStatus> {
    const { lease, artifact } = await this.#check(request.lease, request.artifact);
    return statusOf(await this.#deps.staged.held(attemptKey(lease), artifact));
  }

  /**
   * Takes in one artifact: a header, then its bytes. Asks for the next message when the last one is written.
   * @param connection names the connection they come by.
   * @throws FarmError `unavailable` when too many are under way or nothing more comes, and as the store does.
   */
  async write(
    connection: string,
    messages: AsyncIterable<WriteArtifactRequest__Output>,
  ): Promise<ArtifactStatus> {
    using _ofConnection = this.#connections.take(connection);
    const requests = requireProgress(unbroken(messages), STALLED_MS, this.#deps.clock);
    const first = await requests.next();
    const header = first.done ? undefined : first.value.header;
    if (!header) throw new FarmError('invalid_request', 'the first message of a write must be its header');
    const { lease, artifact } = await this.#check(header.lease, header.artifact);
    using _ofAgent = this.#agents.take(lease.agentId);
    const bytes = this.#bytes(requests, lease);
    return statusOf(
      await this.#told(this.#deps.staged.write(attemptKey(lease), artifact, header.offset, bytes)),
    );
  }

  /** Agents try again until it works: whoever runs the farm has to hear of it, and not each time. */
  async #told(writing: Promise<HeldArtifact>): Promise<HeldArtifact> {
    const { clock, log, onFailure } = this.#deps;
    try {
      const held = await writing;
      if (this.#failedAt !== undefined && clock.steadyMs() - this.#failedAt > RECOVERED_MS) {
        this.#failedAt = undefined;
        log.info({}, 'the artifact store takes files again');
      }
      return held;
    } catch (thrown) {
      if (!isOfStore(thrown)) throw thrown;
      onFailure();
      if (this.#failedAt === undefined) {
        log.warn({ reason: messageOf(thrown) }, 'the artifact store takes no files; agents try again');
      }
      this.#failedAt = clock.steadyMs();
      throw thrown;
    }
  }

  async *#bytes(
    requests: AsyncIterable<WriteArtifactRequest__Output>,
    lease: Lease,
  ): AsyncGenerator<Uint8Array> {
    const { attempts, clock } = this.#deps;
    let uncheckedBytes = 0;
    let checkedAt = clock.steadyMs();
    for await (const { data } of requests) {
      if (!data?.length) throw new FarmError('invalid_request', 'a write has one header, then data');
      if (data.length > MAX_ARTIFACT_CHUNK_BYTES) {
        throw new FarmError(
          'invalid_request',
          `a piece of ${data.length} bytes is larger than ${MAX_ARTIFACT_CHUNK_BYTES}`,
        );
      }
      uncheckedBytes += data.length;
      if (uncheckedBytes >= RECHECK_BYTES || clock.steadyMs() - checkedAt >= RECHECK_MS) {
        await attempts.requireCurrent(lease);
        uncheckedBytes = 0;
        checkedAt = clock.steadyMs();
      }
      yield data;
    }
  }

  async #check(
    leaseMessage: Parameters<typeof parseLease>[0],
    artifactMessage: unknown,
  ): Promise<{ readonly lease: Lease; readonly artifact: Artifact }> {
    const lease = parseLease(leaseMessage);
    if (!isGenuineLease(this.#deps.farmKey, lease)) {
      throw new FarmError('lease_lost', `the lease of ${attemptKey(lease)} was not made by this farm`);
    }
    await this.#deps.attempts.requireCurrent(lease);
    return { lease, artifact: parseAs(ArtifactSchema, artifactMessage ?? {}, 'artifact') };
  }
}

/** A disk that fails, or a bucket. */
function isOfStore(thrown: unknown): boolean {
  if (hasCode(thrown, 'infrastructure')) return true;
  return thrown instanceof FarmError && thrown.details.service === 'artifact store';
}

/** An agent that goes away in the middle is no failure of what its bytes are written to. */
async function* unbroken<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (thrown) {
    throw new FarmError('unavailable', `the upload broke off: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function statusOf(held: HeldArtifact): ArtifactStatus {
  return { heldBytes: held.heldBytes, complete: held.isComplete };
}
