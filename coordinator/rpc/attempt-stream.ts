import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { AttemptOrder } from '../../proto/generated/wrtfarm/v1/AttemptOrder.ts';
import type { AttemptReport__Output } from '../../proto/generated/wrtfarm/v1/AttemptReport.ts';
import { parseLease } from '../../shared/attempt-protocol.ts';
import type { AttemptResult } from '../../shared/domain/attempt-result.ts';
import { STAGES } from '../../shared/domain/build.ts';
import { attemptKey, isGenuineLease, type Lease } from '../../shared/domain/lease.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { AttemptEnds } from '../builds/attempt-ends.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { Watch } from '../builds/watch.ts';
import type { Places } from '../places.ts';
import { toServiceError } from './attempt-errors.ts';
import { parseFinish } from './parse-finish.ts';

/** Largest log an attempt may leave in Redis, bytes. Agents cut theirs before; this holds for any agent. */
const MAX_LOG_BYTES = 80 * 1024 * 1024;

/** A stream that does not say whose it is within this time is ended, milliseconds. */
const OPEN_MS = 10_000;
/** Orders that an agent has not taken; a stream with more of them is ended. Agents have 32 chunks under way at most. */
const MAX_UNREAD_ORDERS = 1_000;

export type AttemptCall = ServerDuplexStream<AttemptReport__Output, AttemptOrder>;

export interface AttemptStreamDependencies {
  readonly attempts: AttemptStore;
  readonly ends: AttemptEnds;
  readonly watch: Watch;
  readonly farmKey: Buffer;
  readonly log: Log;
  /** Told how long each stage took, milliseconds. */
  readonly onStage: (stage: string, tookMs: number) => void;
  /** True once this coordinator stops: its streams end without starting any grace. */
  readonly isStopping: () => boolean;
  /** Streams of each agent. */
  readonly places: Pick<Places, 'take'>;
}

/** Serves one attempt stream, report by report in order, until the attempt or the connection ends. Never rejects. */
export async function serveAttempt(call: AttemptCall, deps: AttemptStreamDependencies): Promise<void> {
  const session = new AttemptSession(call, deps);
  try {
    // A loop that is left destroys the stream it reads by default, and with it the answer that is still to be sent.
    for await (const report of reportsOf(call)) {
      if (await session.take(report as AttemptReport__Output)) break;
    }
    call.end();
  } catch (thrown) {
    if (!call.cancelled) call.emit('error', toServiceError(thrown));
    if (!hasCode(thrown, 'lease_lost')) deps.log.debug({ reason: messageOf(thrown) }, 'attempt stream broke');
  } finally {
    await session.close();
  }
}

/** @throws FarmError `unavailable` when the first one does not come. */
async function* reportsOf(call: AttemptCall): AsyncGenerator<unknown> {
  const reports = call.iterator({ destroyOnReturn: false });
  const first = reports.next();
  first.catch(() => undefined);
  const waiting = new AbortController();
  const late = sleep(OPEN_MS, undefined, { signal: waiting.signal }).then(() => {
    throw new FarmError('unavailable', `nothing was reported within ${OPEN_MS} ms`);
  });
  late.catch(() => undefined);
  const report = await Promise.race([first, late]).finally(() => waiting.abort());
  if (report.done) return;
  yield report.value;
  yield* reports;
}

class AttemptSession {
  readonly #call: AttemptCall;
  readonly #deps: AttemptStreamDependencies;
  readonly #stream = randomBytes(8).toString('hex');
  #lease: Lease | undefined;
  #slot: Disposable | undefined;
  #isOver = false;
  #stage: { readonly name: string; readonly since: number } | undefined;

  constructor(call: AttemptCall, deps: AttemptStreamDependencies) {
    this.#call = call;
    this.#deps = deps;
  }

  /** Handles one report; true when the attempt is over. */
  async take(report: AttemptReport__Output): Promise<boolean> {
    if (report.open) return await this.#open(parseLease(report.open));
    const lease = this.#lease;
    if (!lease)
      throw new FarmError('failed_precondition', 'the first report of an attempt stream must be `open`');
    const { attempts, ends, watch } = this.#deps;
    if (report.beat) await attempts.renewLease(lease);
    else if (report.stage) await this.#reach(lease, report.stage.stage);
    else if (report.log) {
      const next = await attempts.appendLog(lease, report.log.sequence, report.log.data, MAX_LOG_BYTES);
      if (next <= report.log.sequence) {
        // Redis lost chunks it had acknowledged; a new stream goes on where its log ends now.
        throw new FarmError('unavailable', `chunk ${next} of the log is wanted, not ${report.log.sequence}`);
      }
      this.#write({ logAck: { nextSequence: next } });
      watch.notify(lease.requestHash, 'log');
    } else if (report.finish) {
      // Taking a result in may outlast the lease: it is renewed once more before.
      await attempts.renewLease(lease).catch(() => undefined);
      await this.#finish(lease, parseFinish(report.finish));
      this.#reached(undefined);
      return this.#over();
    } else if (report.handBack) {
      await ends.lose(lease, 'handed_back', 'the agent stops', { lease });
      return this.#over();
    }
    return false;
  }

  /** The stream is gone: unless the attempt is over, its agent has the grace to come back. */
  async close(): Promise<void> {
    this.#slot?.[Symbol.dispose]();
    if (this.#isOver || !this.#lease || this.#deps.isStopping()) return;
    await this.#deps.attempts
      .startGrace(this.#lease, this.#stream)
      .catch((thrown: unknown) => this.#deps.log.warn({ reason: messageOf(thrown) }, 'grace not started'));
  }

  async #open(lease: Lease): Promise<boolean> {
    if (!isGenuineLease(this.#deps.farmKey, lease)) {
      throw new FarmError('lease_lost', `the lease of ${attemptKey(lease)} was not made by this farm`);
    }
    this.#slot ??= this.#deps.places.take(lease.agentId);
    const answer = await this.#deps.attempts.openAttempt(lease, this.#stream);
    if (answer.status === 'lost')
      throw new FarmError('lease_lost', `the lease of ${attemptKey(lease)} is gone`);
    if (answer.status === 'ended') return this.#over();
    this.#lease = lease;
    this.#write({ opened: { nextLogSequence: answer.nextLogSequence ?? 0 } });
    return false;
  }

  /** A result that cannot be right is no result: the attempt is lost, and its agent need not say it again. */
  async #finish(lease: Lease, result: AttemptResult): Promise<void> {
    try {
      await this.#deps.ends.finish(lease, result);
    } catch (thrown) {
      if (!hasCode(thrown, 'invalid_request')) throw thrown;
      await this.#deps.ends.lose(lease, 'broken', messageOf(thrown), { lease });
    }
  }

  async #reach(lease: Lease, name: string): Promise<void> {
    const stage = STAGES.find((each) => each === name);
    if (!stage) throw new FarmError('invalid_request', `${name} is not a stage`);
    await this.#deps.attempts.reachStage(lease, stage);
    this.#reached(stage);
    this.#deps.watch.notify(lease.requestHash, 'state');
  }

  #reached(name: string | undefined): void {
    if (this.#stage?.name === name) return;
    const now = performance.now();
    if (this.#stage) this.#deps.onStage(this.#stage.name, now - this.#stage.since);
    this.#stage = name === undefined ? undefined : { name, since: now };
  }

  #over(): true {
    this.#isOver = true;
    this.#write({ finished: {} });
    return true;
  }

  #write(order: AttemptOrder): void {
    if (this.#call.cancelled) return;
    if (this.#call.writableLength > MAX_UNREAD_ORDERS)
      throw new FarmError('resource_exhausted', 'the agent does not read what it is answered');
    this.#call.write(order);
  }
}
