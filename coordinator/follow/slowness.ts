/** Less than this is passed on, however slow its reader is: skipping would save nothing. */
const WORTH_BYTES = 256 * 1024;

/**
 * Tells a reader that is too slow for a live log from one that only has much to read: what counts is how long it made us wait
 * since it last had seen everything.
 */
export class Slowness {
  readonly #patienceMs: number;
  #isLive = false;
  #waitedMs = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** The reader has all there is. */
  caughtUp(): void {
    this.#isLive = true;
    this.#waitedMs = 0;
  }

  /** Gives one thing, and counts how long it takes until the next one is asked for. */
  *timed<T>(what: T): Generator<T> {
    const since = performance.now();
    yield what;
    this.#waitedMs += performance.now() - since;
  }

  get isTooMuch(): boolean {
    return this.#isLive && this.#waitedMs > this.#patienceMs;
  }

  /** Whether leaving out so many bytes helps anybody. */
  isWorth(bytes: number): boolean {
    return bytes > WORTH_BYTES;
  }
}
