import type { ServerReadableStream } from '@grpc/grpc-js';
import type { ArtifactStatus } from '../../proto/generated/wrtfarm/v1/ArtifactStatus.ts';
import type { QueryArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/QueryArtifactRequest.ts';
import type { WriteArtifactRequest__Output } from '../../proto/generated/wrtfarm/v1/WriteArtifactRequest.ts';
import { parseLease } from '../../shared/attempt-protocol.ts';
import { type Artifact, ArtifactSchema } from '../../shared/domain/artifact.ts';
import { attemptKey, isGenuineLease, type Lease } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import { parseAs } from '../../shared/schema.ts';
import type { HeldArtifact, StagedArtifacts } from '../artifacts/artifact-store.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';

/** A write asks again whether its lease is current after this many bytes. */
const RECHECK_BYTES = 16 * 1024 * 1024;

export type WriteCall = ServerReadableStream<WriteArtifactRequest__Output, ArtifactStatus>;

export interface ArtifactUploadDependencies {
  readonly attempts: Pick<AttemptStore, 'requireCurrent'>;
  readonly staged: StagedArtifacts;
  readonly farmKey: Buffer;
}

/** Takes artifacts of attempts in, each write fenced by its lease. */
export class ArtifactUpload {
  readonly #deps: ArtifactUploadDependencies;

  constructor(deps: ArtifactUploadDependencies) {
    this.#deps = deps;
  }

  async query(request: QueryArtifactRequest__Output): Promise<ArtifactStatus> {
    const { lease, artifact } = await this.#check(request.lease, request.artifact);
    return statusOf(await this.#deps.staged.held(attemptKey(lease), artifact));
  }

  async write(call: WriteCall): Promise<ArtifactStatus> {
    const requests = (call as AsyncIterable<WriteArtifactRequest__Output>)[Symbol.asyncIterator]();
    const first = await requests.next();
    const header = first.done ? undefined : first.value.header;
    if (!header) throw new FarmError('invalid_request', 'the first message of a write must be its header');
    const { lease, artifact } = await this.#check(header.lease, header.artifact);
    const bytes = this.#bytes(requests, lease);
    return statusOf(await this.#deps.staged.write(attemptKey(lease), artifact, header.offset, bytes));
  }

  async *#bytes(
    requests: AsyncIterator<WriteArtifactRequest__Output>,
    lease: Lease,
  ): AsyncGenerator<Uint8Array> {
    let uncheckedBytes = 0;
    for (let each = await requests.next(); !each.done; each = await requests.next()) {
      const { data } = each.value;
      if (!data) throw new FarmError('invalid_request', 'a write has one header, then data');
      uncheckedBytes += data.length;
      if (uncheckedBytes >= RECHECK_BYTES) {
        await this.#deps.attempts.requireCurrent(lease);
        uncheckedBytes = 0;
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

function statusOf(held: HeldArtifact): ArtifactStatus {
  return { heldBytes: held.heldBytes, complete: held.isComplete };
}
