import type { Clock } from '../../shared/clock.ts';

/** Longest pause between two looks that still counts as having been awake, milliseconds. */
const AWAKE_MS = 1_500;

/**
 * How long Redis, NATS and this process have been well without a break. Leases end in a crowd when one of them was not,
 * and none of those may be taken for lost.
 */
export class Health {
  readonly #clock: Clock;
  #wellSince: number | undefined;
  #lookedAt = 0;
  #wasWell = false;
  #redisTime: { readonly redisMs: number; readonly ownMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Tells what a look found. A process that was frozen notices it by the gap between two looks, a jump of the clock that leases go by in
   * that the time of Redis, epoch milliseconds, went on unlike its own.
   */
  look(isWell: boolean, redisMs?: number): void {
    const now = this.#clock.steadyMs();
    const wasAsleep = this.#wellSince !== undefined && Math.abs(now - this.#lookedAt) > AWAKE_MS;
    if (!isWell || wasAsleep || this.#jumped(redisMs, now)) this.#wellSince = undefined;
    if (isWell) this.#wellSince ??= now;
    this.#lookedAt = now;
    this.#wasWell = isWell;
  }

  #jumped(redisMs: number | undefined, ownMs: number): boolean {
    if (redisMs === undefined) return false;
    const last = this.#redisTime;
    this.#redisTime = { redisMs, ownMs };
    return last !== undefined && Math.abs(redisMs - last.redisMs - (ownMs - last.ownMs)) > AWAKE_MS;
  }

  /** Between looks that take long: the process is awake, and nothing else is known to have changed. */
  beat(): void {
    this.look(this.#wasWell);
  }

  /** Milliseconds without a break; 0 when not well now. */
  get wellMs(): number {
    return this.#wellSince === undefined ? 0 : this.#clock.steadyMs() - this.#wellSince;
  }
}
