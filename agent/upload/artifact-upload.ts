import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { ArtifactStatus__Output } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { ARTIFACT_CHUNK_BYTES } from '../../shared/attempt-protocol.ts';
import { Backoff } from '../../shared/backoff.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { CoordinatorPool } from './coordinator-pool.ts';
import { fromServiceError } from './grpc-error.ts';

/** Files of one attempt that go up at the same time. */
const PARALLEL = 4;
/** A query that takes longer is tried elsewhere, milliseconds. */
const QUERY_MS = 10_000;
/** A refused write begins again from what the coordinator holds, at most this often. */
const MAX_REFUSALS = 3;

export interface ArtifactUploadDependencies {
  readonly pool: CoordinatorPool;
  readonly clock: Clock;
  readonly log: Log;
}

/** A file to upload. */
export interface ArtifactFile {
  readonly artifact: Artifact;
  readonly path: string;
}

/**
 * Uploads the files of an attempt, several at a time, each going on where a broken write stopped. Resolves when the farm
 * holds and verified all of them.
 * @throws FarmError `lease_lost`; `failed_precondition` when a file is refused again and again; the signal's reason.
 */
export async function uploadArtifacts(
  deps: ArtifactUploadDependencies,
  lease: Lease,
  files: readonly ArtifactFile[],
  signal: AbortSignal,
): Promise<void> {
  const queue = [...files];
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file; file = queue.shift()) await uploadFile(deps, lease, file, signal);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, files.length) }, lane));
}

async function uploadFile(
  deps: ArtifactUploadDependencies,
  lease: Lease,
  file: ArtifactFile,
  signal: AbortSignal,
): Promise<void> {
  const backoff = new Backoff({ minMs: 100, maxMs: 2_000 });
  let refusals = 0;
  for (;;) {
    signal.throwIfAborted();
    const coordinator = deps.pool.current();
    try {
      if (!coordinator) throw new FarmError('unavailable', 'no coordinator is known yet');
      const { client } = coordinator;
      const held = await query(client, lease, file.artifact);
      if (held.complete) return;
      if ((await write(client, lease, file, held.heldBytes, signal)).complete) return;
    } catch (thrown) {
      const error = fromServiceError(thrown);
      if (hasCode(error, 'lease_lost') || hasCode(error, 'invalid_request')) throw error;
      if (hasCode(error, 'failed_precondition')) refusals += 1;
      if (refusals >= MAX_REFUSALS) throw error;
      if (coordinator && hasCode(error, 'unavailable')) deps.pool.avoid(coordinator);
      deps.log.debug({ name: file.artifact.name, reason: error.message }, 'upload broke; going on');
    }
    await deps.clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
  }
}

async function query(
  client: AttemptsClient,
  lease: Lease,
  artifact: Artifact,
): Promise<ArtifactStatus__Output> {
  return await new Promise((resolve, reject) => {
    client.QueryArtifact({ lease, artifact }, { deadline: Date.now() + QUERY_MS }, (error, status) => {
      if (error) reject(error);
      else resolve(status ?? { heldBytes: 0, complete: false });
    });
  });
}

async function write(
  client: AttemptsClient,
  lease: Lease,
  file: ArtifactFile,
  offset: number,
  signal: AbortSignal,
): Promise<ArtifactStatus__Output> {
  let call: ReturnType<AttemptsClient['WriteArtifact']> | undefined;
  const ended = new AbortController();
  const answered = new Promise<ArtifactStatus__Output>((resolve, reject) => {
    call = client.WriteArtifact((error, status) => {
      ended.abort();
      if (error) reject(error);
      else resolve(status ?? { heldBytes: 0, complete: false });
    });
  });
  // Awaited below; until then a refusal must not count as unhandled.
  answered.catch(() => undefined);
  if (!call) return await answered;
  const open = call;
  const stop = (): void => open.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    open.write({ header: { lease, artifact: file.artifact, offset } });
    const reading = createReadStream(file.path, { start: offset, highWaterMark: ARTIFACT_CHUNK_BYTES });
    for await (const data of reading) {
      if (ended.signal.aborted) break;
      if (!open.write({ data: data as Buffer })) {
        await once(open, 'drain', { signal: ended.signal }).catch(() => undefined);
      }
    }
    open.end();
    return await answered;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
