import type { Redis } from 'ioredis';
import { MAX_LOST_ATTEMPTS, type Stage } from '../../shared/domain/build.ts';
import type { Lane } from '../../shared/domain/build-spec.ts';
import { type AttemptId, attemptKey, type Lease, type LeaseTimes } from '../../shared/domain/lease.ts';
import { FarmError } from '../../shared/errors.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { SealedBuild } from '../artifacts/sealed-build.ts';
import { attemptHashKey, LEASES_KEY, logKey } from './keys.ts';
import type { Trouble } from './loss.ts';
import { redisNowMs } from './redis-now.ts';
import type { RedisScripts, ScriptAnswer } from './redis-scripts.ts';

/** Back-off before the second and third attempt, milliseconds. The first loss costs nothing: the machine is gone, not the build. */
const RETRY_DELAYS_MS = [0, 5_000];

/** Log chunks that are read at once: what one slow reader can keep in memory, up to 64 KiB each. */
const READ_CHUNKS = 8;

/** Where the newest chunk of a log begins. */
export interface LogEnd {
  readonly chunk: number;
  /** Bytes of the log before it. */
  readonly bytes: number;
}

/** Scripts that a lease fences. */
type Fenced = 'open-attempt' | 'renew-lease' | 'reach-stage' | 'append-log' | 'seal-attempt';

/** Asks whether an attempt that Redis does not know may go on all the same, because Redis lost it. */
export type Adopt = (lease: Lease) => Promise<boolean>;

/**
 * The truth about attempts and their leases, in Redis. Every write carries the lease and is refused when it is not current; one that
 * Redis lost is adopted first where it may be.
 */
export class AttemptStore {
  readonly #redis: Redis;
  readonly #scripts: RedisScripts;
  readonly #times: LeaseTimes;
  readonly #adopt: Adopt;

  constructor(redis: Redis, scripts: RedisScripts, times: LeaseTimes, adopt: Adopt) {
    this.#redis = redis;
    this.#scripts = scripts;
    this.#times = times;
    this.#adopt = adopt;
  }

  /** Gives the first eligible build of a lane and builder to the agent of one pull. */
  async claim(args: {
    readonly agentId: string;
    readonly session: string;
    readonly sequence: number;
    readonly lane: Lane;
    readonly builder: string;
    readonly digest: string;
    readonly nonce: string;
  }): Promise<ScriptAnswer<'claim'>> {
    return await this.#scripts.run('claim', { ...args, grantMs: this.#times.grantMs });
  }

  /** The stream of an attempt was opened, named by random text. `ended`: this attempt won already, its agent only does not know yet. */
  async openAttempt(lease: Lease, stream: string): Promise<ScriptAnswer<'open-attempt'>> {
    const { leaseMs, attemptMs } = this.#times;
    return await this.#fenced('open-attempt', lease, { stream, leaseMs, attemptMs });
  }

  /** Renews a lease. Throws `lease_lost`, as all the writes below. */
  async renewLease(lease: Lease): Promise<void> {
    const { leaseMs, attemptMs } = this.#times;
    const { status } = await this.#fenced('renew-lease', lease, { leaseMs, attemptMs });
    if (status === 'lost') throw leaseLost(lease);
  }

  /** Starts the grace after an attempt's stream closed. A lease that is gone, or has another stream by now, is left alone. */
  async startGrace(lease: Lease, stream: string): Promise<void> {
    await this.#scripts.run('start-grace', { ...fenced(lease), stream, graceMs: this.#times.graceMs });
  }

  async reachStage(lease: Lease, stage: Stage): Promise<void> {
    const { status } = await this.#fenced('reach-stage', lease, { stage });
    if (status === 'lost') throw leaseLost(lease);
  }

  /** Keeps a log chunk; returns the number of the chunk wanted next. Throws also `resource_exhausted` beyond `maxBytes`. */
  async appendLog(lease: Lease, sequence: number, chunk: Buffer, maxBytes: number): Promise<number> {
    const answer = await this.#fenced('append-log', lease, { sequence, maxBytes }, chunk);
    if (answer.status === 'lost') throw leaseLost(lease);
    if (answer.status === 'full') {
      throw new FarmError(
        'resource_exhausted',
        `the log of ${attemptKey(lease)} is longer than ${maxBytes} bytes`,
      );
    }
    return answer.nextSequence ?? 0;
  }

  /** Who holds a live attempt. */
  async agentOf(id: AttemptId): Promise<string | undefined> {
    return (await this.#redis.hget(attemptHashKey(attemptKey(id)), 'agentId')) ?? undefined;
  }

  /** When a live attempt was granted, epoch milliseconds. */
  async startedAt(id: AttemptId): Promise<number | undefined> {
    const text = await this.#redis.hget(attemptHashKey(attemptKey(id)), 'startedAt');
    return text === null ? undefined : Number(text);
  }

  /** Throws `lease_lost` unless the lease is the current one of its attempt. */
  async requireCurrent(lease: Lease): Promise<void> {
    const nonce = await this.#redis.hget(attemptHashKey(attemptKey(lease)), 'nonce');
    if (nonce !== lease.token.slice(0, 32) && !(await this.#adopt(lease))) throw leaseLost(lease);
  }

  /** Whether an attempt that Redis does not know goes on: it was lost by Redis, not by its agent. */
  async adopt(lease: Lease): Promise<boolean> {
    return await this.#adopt(lease);
  }

  /** Fixes how a build ends by this attempt; all others are refused from now on. */
  async sealAttempt(lease: Lease, sealed: SealedBuild): Promise<void> {
    const { status } = await this.#fenced('seal-attempt', lease, { sealed: JSON.stringify(sealed) });
    if (status === 'lost') throw leaseLost(lease);
  }

  /**
   * Ends an attempt without a result; its build is queued again, or fails with `exhausted` after too many losses.
   * @param how `lease`: reported by its holder; `expiredInTerm`: by the keeper of that term; nothing happens when the lease
   * was renewed or the keeper replaced meanwhile; `unlistedBy`: nothing happens when its stream was opened after that pull was taken in.
   */
  async loseAttempt(
    id: AttemptId,
    how: {
      readonly lease?: Lease;
      readonly expiredInTerm?: string;
      readonly unlistedBy?: Pick<Pull, 'session' | 'sequence'>;
      readonly trouble: Trouble;
      readonly isCounted: boolean;
      /** How long the same agent does not get this build again, milliseconds. */
      readonly avoidMs: number;
      readonly exhausted: SealedBuild;
    },
  ): Promise<ScriptAnswer<'lose-attempt'>> {
    return await this.#scripts.run('lose-attempt', {
      key: attemptKey(id),
      requestHash: id.requestHash,
      generation: id.generation,
      trouble: how.trouble,
      isCounted: how.isCounted,
      avoidMs: how.avoidMs,
      exhausted: JSON.stringify(how.exhausted),
      maxLost: MAX_LOST_ATTEMPTS,
      delaysMs: RETRY_DELAYS_MS,
      ...(how.lease ? { nonce: how.lease.token.slice(0, 32) } : {}),
      ...(how.expiredInTerm === undefined ? {} : { expiredInTerm: how.expiredInTerm }),
      ...(how.unlistedBy
        ? { unlistedBy: { session: how.unlistedBy.session, sequence: how.unlistedBy.sequence } }
        : {}),
    });
  }

  async #fenced<N extends Fenced>(
    name: N,
    lease: Lease,
    args: Readonly<Record<string, unknown>>,
    payload?: Buffer,
  ): Promise<ScriptAnswer<N>> {
    const run = (): Promise<ScriptAnswer<N>> =>
      this.#scripts.run(name, { ...fenced(lease), ...args }, payload);
    const answer = await run();
    return answer.status === 'lost' && (await this.#adopt(lease)) ? await run() : answer;
  }

  /** Mends leases and back-offs that a clock of Redis that went back would let last far too long; returns how many. */
  async mendTimes(): Promise<number> {
    const { leaseMs } = this.#times;
    // Nothing is held back for longer than the last delay or half a lease.
    const delayMs = Math.max(leaseMs, ...RETRY_DELAYS_MS);
    return (await this.#scripts.run('mend-times', { leaseMs, delayMs })).mended;
  }

  /** Attempts whose lease has ended, at most 100. */
  async expiredAttempts(): Promise<readonly string[]> {
    return await this.#redis.zrangebyscore(
      LEASES_KEY,
      '-inf',
      await redisNowMs(this.#redis),
      'LIMIT',
      0,
      100,
    );
  }

  /** Log chunks of an attempt from number `from` on, a few at a time. */
  async readLog(id: AttemptId, from: number): Promise<readonly Buffer[]> {
    return await this.#redis.lrangeBuffer(logKey(attemptKey(id)), from, from + READ_CHUNKS - 1);
  }

  /** Where the newest chunk of a live attempt's log begins; undefined when there is none. */
  async logEnd(id: AttemptId): Promise<LogEnd | undefined> {
    const key = attemptKey(id);
    const read = this.#redis.multi().llen(logKey(key)).hget(attemptHashKey(key), 'logBytes');
    const replies = (await read.lindexBuffer(logKey(key), -1).exec()) ?? [];
    const [count, bytes, newest] = replies.map(([, value]) => value);
    if (!(newest instanceof Buffer)) return undefined;
    return { chunk: Number(count) - 1, bytes: Number(bytes) - newest.length };
  }
}

function fenced(lease: Lease): Record<string, unknown> {
  const { requestHash: hash, generation, attempt, token } = lease;
  return { key: attemptKey(lease), requestHash: hash, generation, attempt, nonce: token.slice(0, 32) };
}

function leaseLost(lease: Lease): FarmError {
  return new FarmError('lease_lost', `the lease of ${attemptKey(lease)} is not current`, {
    details: { agentId: lease.agentId },
  });
}
