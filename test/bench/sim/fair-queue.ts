import {
  orderAtSubmit,
  type PriorityClass,
  scoreAtReturn,
  virtualTimeAfterClaim,
} from '../../../coordinator/scheduling/fair-order.ts';

interface Entry<T> {
  readonly value: T;
  readonly score: number;
  readonly startTag: number;
  /** Class and client. */
  readonly owner: string;
}

/** The waiting sets of a farm as Redis keeps them: per builder by score, and farm-wide by start tag. */
export class FairQueue<T> {
  readonly #sets = new Map<string, Entry<T>[]>();
  readonly #byStart: number[] = [];
  readonly #places = new Map<T, Entry<T>>();
  readonly #clientTags = new Map<string, number>();
  readonly #clientWaiting = new Map<string, number>();
  #virtualTime = 0;

  get isEmpty(): boolean {
    return this.#sets.size === 0;
  }

  submit(value: T, builder: string, client: string, priority: PriorityClass): void {
    const key = `${priority}:${client}`;
    const state = { virtualTime: this.#virtualTime, clientTag: this.#clientTags.get(key) };
    const { score, startTag, finishTag, virtualTime } = orderAtSubmit(state, priority);
    this.#virtualTime = virtualTime;
    this.#clientTags.set(key, finishTag);
    this.#enter({ value, score, startTag, owner: key }, builder);
  }

  /** Puts a build that was claimed before back. */
  putBack(value: T, builder: string): void {
    const entry = this.#places.get(value);
    if (entry) this.#enter({ ...entry, score: scoreAtReturn(entry.score, this.#virtualTime) }, builder);
  }

  /** Takes the first of a builder. */
  claim(builder: string): T | undefined {
    const set = this.#sets.get(builder);
    const entry = set?.shift();
    if (!set || !entry) return undefined;
    if (set.length === 0) this.#sets.delete(builder);
    this.#virtualTime = virtualTimeAfterClaim(this.#virtualTime, {
      count: this.#byStart.length,
      smallestStartTag: this.#byStart[0] ?? 0,
    });
    this.#byStart.splice(
      placeOf(this.#byStart, entry.startTag, (tag) => tag),
      1,
    );
    this.#countWaiting(entry.owner, -1);
    return entry.value;
  }

  sets(): readonly { readonly builder: string; readonly count: number; readonly firstScore: number }[] {
    return [...this.#sets].map(([builder, set]) => ({
      builder,
      count: set.length,
      firstScore: set[0]?.score ?? 0,
    }));
  }

  #enter(entry: Entry<T>, builder: string): void {
    const set = this.#sets.get(builder) ?? [];
    this.#sets.set(builder, set);
    this.#places.set(entry.value, entry);
    this.#countWaiting(entry.owner, 1);
    set.splice(
      placeOf(set, entry.score, ({ score }) => score),
      0,
      entry,
    );
    this.#byStart.splice(
      placeOf(this.#byStart, entry.startTag, (tag) => tag),
      0,
      entry.startTag,
    );
  }

  #countWaiting(owner: string, by: number): void {
    const count = (this.#clientWaiting.get(owner) ?? 0) + by;
    if (count > 0) {
      this.#clientWaiting.set(owner, count);
      return;
    }
    this.#clientWaiting.delete(owner);
    this.#clientTags.delete(owner);
  }
}

/** First place in a sorted list that is not before this value. */
function placeOf<E>(sorted: readonly E[], value: number, keyOf: (element: E) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const element = sorted[middle];
    if (element !== undefined && keyOf(element) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
