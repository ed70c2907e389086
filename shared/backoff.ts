export interface BackoffOptions {
  /** First upper bound, milliseconds. */
  readonly minMs: number;
  /** Last upper bound, milliseconds. */
  readonly maxMs: number;
  /** Uniform in [0, 1); injected by tests. Default `Math.random`. */
  readonly random?: () => number;
}

/** Exponential back-off with full jitter, never below half of its bound: 1×, 2×, 4× … `minMs`, at most `maxMs`. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait before the next try. */
  nextMs(): number {
    const { minMs, maxMs, random = Math.random } = this.#options;
    const boundMs = Math.min(maxMs, minMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return Math.round(boundMs * (0.5 + random() / 2));
  }

  /** Starts over after a success. */
  reset(): void {
    this.#failures = 0;
  }
}
