import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { ClientWritableStream } from '@grpc/grpc-js';
import type { ArtifactStatus__Output } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import type { WriteArtifactRequest } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { ARTIFACT_CHUNK_BYTES } from '../../shared/attempt-protocol.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';

/** A query that takes longer is tried elsewhere, milliseconds. */
const QUERY_MS = 10_000;

/** A file to upload. */
export interface ArtifactFile {
  readonly artifact: Artifact;
  readonly path: string;
}

/** How much of an artifact a coordinator holds. Throws as the call does. */
export async function queryArtifact(
  client: AttemptsClient,
  lease: Lease,
  artifact: Artifact,
): Promise<ArtifactStatus__Output> {
  return await new Promise((resolve, reject) => {
    client.QueryArtifact({ lease, artifact }, { deadline: Date.now() + QUERY_MS }, (error, status) => {
      if (status) resolve(status);
      else reject(error);
    });
  });
}

/**
 * Sends a file from an offset to its end, as fast as it is taken, and resolves with what is held then.
 * @param how `stalledMs`: a coordinator that takes nothing for this long is left.
 * @throws as the call does; FarmError `infrastructure` when the file cannot be read; the signal's reason.
 */
export async function writeArtifact(
  client: AttemptsClient,
  lease: Lease,
  { artifact, path }: ArtifactFile,
  how: { readonly offset: number; readonly stalledMs: number; readonly signal: AbortSignal },
): Promise<ArtifactStatus__Output> {
  how.signal.throwIfAborted();
  const ended = new AbortController();
  const { call, answer } = begin(client, ended);
  const stop = (): void => call.cancel();
  const stalled = setTimeout(stop, how.stalledMs);
  how.signal.addEventListener('abort', stop, { once: true });
  try {
    const send = async (message: WriteArtifactRequest): Promise<void> => {
      if (!call.write(message)) await once(call, 'drain', { signal: ended.signal });
      stalled.refresh();
    };
    await send({ header: { lease, artifact, offset: how.offset } });
    const reading = createReadStream(path, { start: how.offset, highWaterMark: ARTIFACT_CHUNK_BYTES });
    for await (const data of reading) {
      if (ended.signal.aborted) break;
      await send({ data: data as Buffer });
    }
    call.end();
    return await answer;
  } catch (thrown) {
    // What ended the call says more than that it ended.
    if (ended.signal.aborted) return await answer;
    call.cancel();
    throw new FarmError('infrastructure', `${artifact.name} cannot be read: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  } finally {
    clearTimeout(stalled);
    how.signal.removeEventListener('abort', stop);
  }
}

function begin(
  client: AttemptsClient,
  ended: AbortController,
): {
  readonly call: ClientWritableStream<WriteArtifactRequest>;
  readonly answer: Promise<ArtifactStatus__Output>;
} {
  let resolve: (status: ArtifactStatus__Output) => void;
  let reject: (thrown: unknown) => void;
  const answer = new Promise<ArtifactStatus__Output>((...settle) => {
    [resolve, reject] = settle;
  });
  // Whoever began the call awaits it, at the latest when all is sent; until then a refusal must not count as unhandled.
  answer.catch(() => undefined);
  const call = client.WriteArtifact((error, status) => {
    ended.abort();
    if (status) resolve(status);
    else reject(error);
  });
  return { call, answer };
}
