import { FarmError } from '../../shared/errors.ts';

/** A limited number of places for each of several holders, and for all together. */
export class Places {
  readonly #maxEach: number;
  readonly #maxAll: number;
  readonly #taken = new Map<string, number>();
  #takenByAll = 0;

  constructor(maxEach: number, maxAll = Number.POSITIVE_INFINITY) {
    this.#maxEach = maxEach;
    this.#maxAll = maxAll;
  }

  /** Takes a place until it is disposed of. Throws `unavailable` when there is none. */
  take(holder: string): Disposable {
    const taken = this.#taken.get(holder) ?? 0;
    if (taken >= this.#maxEach) {
      throw new FarmError('unavailable', `${taken} uploads of ${holder} are under way already`);
    }
    if (this.#takenByAll >= this.#maxAll) {
      throw new FarmError('unavailable', `${this.#takenByAll} uploads are under way here already`);
    }
    this.#taken.set(holder, taken + 1);
    this.#takenByAll += 1;
    let isGiven = false;
    return {
      [Symbol.dispose]: () => {
        if (isGiven) return;
        isGiven = true;
        this.#give(holder);
      },
    };
  }

  #give(holder: string): void {
    const left = (this.#taken.get(holder) ?? 0) - 1;
    if (left > 0) this.#taken.set(holder, left);
    else this.#taken.delete(holder);
    this.#takenByAll -= 1;
  }
}
