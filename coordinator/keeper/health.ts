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

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Tells what a look found; a process that was frozen notices it by the gap between two looks. */
  look(isWell: boolean): void {
    const now = this.#clock.now();
    const wasAsleep = this.#wellSince !== undefined && Math.abs(now - this.#lookedAt) > AWAKE_MS;
    if (!isWell || wasAsleep) this.#wellSince = undefined;
    if (isWell) this.#wellSince ??= now;
    this.#lookedAt = now;
    this.#wasWell = isWell;
  }

  /** Between looks that take long: the process is awake, and nothing else is known to have changed. */
  beat(): void {
    this.look(this.#wasWell);
  }

  /** Milliseconds without a break; 0 when not well now. */
  get wellMs(): number {
    return this.#wellSince === undefined ? 0 : this.#clock.now() - this.#wellSince;
  }
}
