import { median, type Timings } from '../../../coordinator/scheduling/timings.ts';

/** How many of the last measurements a median is taken of. */
const KEPT = 15;

/** What a farm knows of durations: medians of what it measured itself. */
export class Measured {
  readonly #builds = new Map<string, number[]>();
  readonly #fetches = new Map<string, number[]>();
  readonly #ratios = new Map<string, number[]>();
  readonly #buildMs = new Map<string, number>();
  readonly #fetchMs = new Map<string, number>();
  readonly #fetchFactor = new Map<string, number>();
  readonly #sizes = new Map<string, number>();
  readonly timings: Timings = {
    buildMs: this.#buildMs,
    fetchMs: this.#fetchMs,
    fetchFactor: this.#fetchFactor,
  };

  get sizes(): ReadonlyMap<string, number> {
    return this.#sizes;
  }

  noteBuild(token: string, buildMs: number): void {
    note(this.#builds, this.#buildMs, token, buildMs);
  }

  noteFetch(agentId: string, token: string, fetchMs: number, sizeBytes: number): void {
    note(this.#fetches, this.#fetchMs, token, fetchMs);
    note(this.#ratios, this.#fetchFactor, agentId, fetchMs / (this.#fetchMs.get(token) ?? fetchMs));
    this.#sizes.set(token, sizeBytes);
  }
}

function note(all: Map<string, number[]>, medians: Map<string, number>, key: string, value: number): void {
  const values = [...(all.get(key) ?? []), value].slice(-KEPT);
  all.set(key, values);
  medians.set(key, median(values) ?? value);
}
