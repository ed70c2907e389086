import type { Clock } from '../../shared/clock.ts';

/** A value that is worked out when it is wanted and used for a while. Who wants it meanwhile shares the work; what fails is tried again. */
export class KeptValue<T> {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #make: () => Promise<T>;
  #held: { readonly value: Promise<T>; readonly madeAt: number } | undefined;

  constructor(clock: Clock, keepMs: number, make: () => Promise<T>) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#make = make;
  }

  /** The value, never older than `keepMs`. Throws what making it throws. */
  async get(): Promise<T> {
    const ageMs = this.#clock.steadyMs() - (this.#held?.madeAt ?? 0);
    if (this.#held && ageMs < this.#keepMs) return await this.#held.value;
    const made = { value: this.#make(), madeAt: this.#clock.steadyMs() };
    this.#held = made;
    try {
      return await made.value;
    } catch (thrown) {
      if (this.#held === made) this.#held = undefined;
      throw thrown;
    }
  }
}
