/**
 * Tells what has stood unchanged for a while, as its owner saw it: the clocks of file systems, buckets and machines may differ,
 * and jump, so times they give serve only to tell one change from another.
 */
export class Unchanged {
  readonly #now: () => number;
  readonly #seen = new Map<string, { readonly changedAt: number; readonly since: number }>();

  /** @param now monotonic milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The keys that were seen with the same time of change for longer than `ageMs`. All there are now must be given each time. */
  longerThan(ageMs: number, changes: ReadonlyMap<string, number>): readonly string[] {
    const now = this.#now();
    for (const key of this.#seen.keys()) if (!changes.has(key)) this.#seen.delete(key);
    const unchanged: string[] = [];
    for (const [key, changedAt] of changes) {
      const seen = this.#seen.get(key);
      if (seen?.changedAt !== changedAt) this.#seen.set(key, { changedAt, since: now });
      if (now - (this.#seen.get(key)?.since ?? now) > ageMs) unchanged.push(key);
    }
    return unchanged;
  }
}
