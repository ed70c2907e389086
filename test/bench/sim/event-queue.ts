interface Event {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** What is to happen when: a binary heap; of events at the same time the one that was put in first comes first. */
export class EventQueue {
  readonly #heap: Event[] = [];
  #sequence = 0;

  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  put(atMs: number, run: () => void): void {
    const event = { atMs, sequence: this.#sequence++, run };
    let at = this.#heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, this.#heap[parent])) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  take(): Event | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (!first || !last || first === last) return first;
    this.#heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const smaller = isBefore(this.#heap[right], this.#heap[left]) ? right : left;
      if (!isBefore(this.#heap[smaller], this.#heap[at])) return first;
      this.#swap(at, smaller);
      at = smaller;
    }
  }

  #swap(left: number, right: number): void {
    const [a, b] = [this.#heap[left], this.#heap[right]];
    if (!a || !b) return;
    this.#heap[left] = b;
    this.#heap[right] = a;
  }
}

function isBefore(left: Event | undefined, right: Event | undefined): boolean {
  if (!left || !right) return left !== undefined;
  return left.atMs - right.atMs < 0 || (left.atMs === right.atMs && left.sequence < right.sequence);
}
