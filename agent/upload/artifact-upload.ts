import { Backoff } from '../../shared/backoff.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { type ErrorCode, FarmError, hasCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { CoordinatorPool } from './coordinator-pool.ts';
import { fromServiceError } from './grpc-error.ts';
import { Lanes } from './lanes.ts';
import { type ArtifactFile, queryArtifact, writeArtifact } from './write-artifact.ts';

/** Files of all attempts of this agent that go up at the same time. */
const MAX_FILES = 4;
/** A refused write begins again from what the coordinator holds, at most this often. */
const MAX_REFUSALS = 3;
/** A coordinator that takes no bytes for this long is left for another one, milliseconds. */
const STALLED_MS = 60_000;

/** Trying again cannot help. */
const FINAL: readonly ErrorCode[] = ['lease_lost', 'invalid_request', 'infrastructure'];

export interface ArtifactUploadDependencies {
  readonly pool: CoordinatorPool;
  readonly clock: Clock;
  readonly log: Log;
  /** Default one minute. */
  readonly stalledMs?: number;
}

/** Brings the files of attempts home, several at a time, each going on where a broken write stopped. */
export class ArtifactUpload {
  readonly #deps: ArtifactUploadDependencies;
  readonly #lanes = new Lanes(MAX_FILES);

  constructor(deps: ArtifactUploadDependencies) {
    this.#deps = deps;
  }

  /**
   * Uploads the files of an attempt. Resolves when the farm holds and verified all of them; when it rejects, none is being read
   * any more.
   * @throws FarmError `lease_lost`; `failed_precondition` or `resource_exhausted` when a file is refused again and again;
   * `infrastructure` when one cannot be read; the signal's reason.
   */
  async upload(lease: Lease, files: readonly ArtifactFile[], signal: AbortSignal): Promise<void> {
    const failing = new AbortController();
    const either = AbortSignal.any([signal, failing.signal]);
    const queue = [...files];
    // No more of an attempt's files wait for a lane than there are lanes: so attempts take turns.
    const takeTurns = async (): Promise<void> => {
      try {
        for (let file = queue.shift(); file; file = queue.shift()) {
          const next = file;
          await this.#lanes.run(() => this.#bring(lease, next, either), either);
        }
      } catch (thrown) {
        // Only the first reason counts: the others end because of it.
        failing.abort(thrown);
      }
    };
    await Promise.all(Array.from({ length: MAX_FILES }, takeTurns));
    signal.throwIfAborted();
    failing.signal.throwIfAborted();
  }

  async #bring(lease: Lease, file: ArtifactFile, signal: AbortSignal): Promise<void> {
    const { pool, clock, log, stalledMs = STALLED_MS } = this.#deps;
    const backoff = new Backoff({ minMs: 100, maxMs: 2_000 });
    let refusals = 0;
    for (;;) {
      signal.throwIfAborted();
      const coordinator = pool.current();
      try {
        if (!coordinator) throw new FarmError('unavailable', 'no coordinator is known yet');
        const { client } = coordinator;
        const held = await queryArtifact(client, lease, file.artifact);
        if (held.complete) return;
        const how = { offset: held.heldBytes, stalledMs, signal };
        if ((await writeArtifact(client, lease, file, how)).complete) return;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = fromServiceError(thrown);
        if (FINAL.some((code) => hasCode(error, code))) throw error;
        if (hasCode(error, 'failed_precondition') || hasCode(error, 'resource_exhausted')) refusals += 1;
        if (refusals >= MAX_REFUSALS) throw error;
        if (coordinator && hasCode(error, 'unavailable')) pool.avoid(coordinator);
        log.debug({ name: file.artifact.name, reason: error.message }, 'upload broke; going on');
      }
      await clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }
}
