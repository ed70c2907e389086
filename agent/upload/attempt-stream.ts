import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { AttemptOrder__Output } from '../../proto/generated/wrtfarm/v1/AttemptOrder.ts';
import type { AttemptReport } from '../../proto/generated/wrtfarm/v1/AttemptReport.ts';
import { Backoff } from '../../shared/backoff.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Stage } from '../../shared/domain/build.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { AttemptLog } from '../attempts/attempt-log.ts';
import type { Coordinator, CoordinatorPool } from './coordinator-pool.ts';
import { fromServiceError } from './grpc-error.ts';

/** Log chunks sent and not acknowledged yet, at most. */
const LOG_WINDOW = 32;
/** An attempt is given up after this long without any coordinator. Source: design, rules that keep promise 3. */
const ALONE_MS = 5 * 60_000;
/** A coordinator that does not answer `open` for this long is left for another one. */
const OPEN_MS = 5_000;

export interface AttemptStreamDependencies {
  readonly pool: CoordinatorPool;
  readonly clock: Clock;
  readonly log: Log;
}

type Call = ClientDuplexStream<AttemptReport, AttemptOrder__Output>;
type FinalReport = Pick<AttemptReport, 'finish'> | Pick<AttemptReport, 'handBack'>;

/**
 * An attempt's line to the farm: stages, log, signs of life, and its end. Breaks are mended on any coordinator; the log goes
 * on at the chunk the farm wants next. `run` lives as long as the attempt.
 */
export class AttemptStream {
  readonly #deps: AttemptStreamDependencies;
  readonly #lease: Lease;
  readonly #renewMs: number;
  readonly #log: AttemptLog;
  #stage: Stage = 'init';
  #sentStage: Stage | undefined;
  #final: FinalReport | undefined;
  #isFinalSent = false;
  #call: Call | undefined;
  #isOpened = false;
  #nextToSend = 0;
  #acknowledged = 0;
  #isPumping = false;

  constructor(deps: AttemptStreamDependencies, lease: Lease, renewMs: number, log: AttemptLog) {
    this.#deps = deps;
    this.#lease = lease;
    this.#renewMs = renewMs;
    this.#log = log;
  }

  reach(stage: Stage): void {
    this.#stage = stage;
    this.#pump();
  }

  /** There may be new log chunks to send. */
  logGrew(): void {
    this.#pump();
  }

  /** Sends the end of the attempt once the log is out; `run` resolves when it is recorded. A second call replaces the first. */
  end(report: FinalReport): void {
    this.#final = report;
    this.#isFinalSent = false;
    this.#pump();
  }

  /**
   * Keeps the stream up until the end of the attempt is recorded.
   * @throws FarmError `lease_lost`: refused or cancelled by the farm; `invalid_request`: the end was not accepted;
   * `unavailable`: five minutes without any coordinator.
   */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minMs: 50, maxMs: 1_000 });
    let aloneSince = this.#deps.clock.steadyMs();
    for (;;) {
      signal.throwIfAborted();
      let wasOpened = false;
      const coordinator = this.#deps.pool.current();
      try {
        if (!coordinator) throw new FarmError('unavailable', 'no coordinator is known yet');
        await this.#once(coordinator, signal, () => {
          wasOpened = true;
          backoff.reset();
        });
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = fromServiceError(thrown);
        if (hasCode(error, 'lease_lost') || hasCode(error, 'invalid_request')) throw error;
        if (hasCode(error, 'failed_precondition') && this.#isFinalSent) throw error;
        if (coordinator) this.#deps.pool.avoid(coordinator);
        if (wasOpened) aloneSince = this.#deps.clock.steadyMs();
        if (this.#deps.clock.steadyMs() - aloneSince > ALONE_MS) {
          throw new FarmError('unavailable', 'no coordinator could be reached for 5 minutes', {
            cause: error,
          });
        }
        this.#deps.log.debug({ reason: error.message }, 'attempt stream broke; opening another one');
      }
      await this.#deps.clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  async #once({ client }: Coordinator, signal: AbortSignal, onOpened: () => void): Promise<void> {
    const call: Call = client.Run();
    // A call that is cancelled still tells its end by an error event; without a listener that would end the program.
    call.on('error', () => undefined);
    this.#call = call;
    const opening = setTimeout(() => call.cancel(), OPEN_MS);
    const beat = setInterval(() => this.#write({ beat: {} }), this.#renewMs);
    const onAbort = (): void => call.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { requestHash, generation, attempt, agentId, token } = this.#lease;
      call.write({ open: { requestHash, generation, attempt, agentId, token } });
      for await (const order of call as AsyncIterable<AttemptOrder__Output>) {
        if (order.opened) {
          clearTimeout(opening);
          onOpened();
          this.#opened(order.opened.nextLogSequence);
        } else if (order.logAck) this.#ack(order.logAck.nextSequence);
        else if (order.cancel) throw new FarmError('lease_lost', order.cancel.reason);
        else if (order.finished) return;
      }
      throw new FarmError('unavailable', 'the coordinator ended the stream');
    } finally {
      clearTimeout(opening);
      clearInterval(beat);
      signal.removeEventListener('abort', onAbort);
      this.#isOpened = false;
      this.#call = undefined;
      call.cancel();
    }
  }

  #opened(nextLogSequence: number): void {
    this.#isOpened = true;
    this.#sentStage = undefined;
    this.#isFinalSent = false;
    this.#nextToSend = nextLogSequence;
    this.#acknowledged = nextLogSequence;
    this.#pump();
  }

  #ack(nextSequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, nextSequence);
    this.#pump();
  }

  /** Sends what can be sent now, in order: stage, log within the window, and the end when the log is out. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#drain().catch((thrown: unknown) =>
      this.#deps.log.warn({ reason: fromServiceError(thrown).message }, 'log not sent'),
    );
  }

  async #drain(): Promise<void> {
    try {
      while (this.#call && this.#isOpened) {
        if (this.#sentStage !== this.#stage) {
          this.#sentStage = this.#stage;
          this.#write({ stage: { stage: this.#stage } });
        } else if (
          this.#nextToSend < this.#log.chunkCount &&
          this.#nextToSend - this.#acknowledged < LOG_WINDOW
        ) {
          await this.#sendChunk(this.#call, this.#nextToSend);
        } else if (this.#final && !this.#isFinalSent && this.#acknowledged >= this.#log.chunkCount) {
          this.#isFinalSent = true;
          this.#write(this.#final);
        } else return;
      }
    } finally {
      // At once with the last look, so that no news falls between the two.
      this.#isPumping = false;
    }
  }

  async #sendChunk(call: Call, sequence: number): Promise<void> {
    const data = await this.#log.readChunk(sequence);
    if (this.#call !== call || !this.#isOpened) return;
    this.#nextToSend = sequence + 1;
    this.#write({ log: { sequence, data } });
  }

  #write(report: AttemptReport): void {
    if (this.#isOpened) this.#call?.write(report);
  }
}
