import { FarmError } from '../shared/errors.ts';

export interface PlaceLimits {
  /** Over all holders. */
  readonly max: number;
  readonly maxPerHolder: number;
  /** What the places are for, as in `Too many <what>`. */
  readonly what: string;
  /** What who gets none is told. Default `resource_exhausted`; `unavailable` sends agents to another coordinator. */
  readonly code?: 'resource_exhausted' | 'unavailable';
}

/** Seconds after which somebody else has probably made room. */
const RETRY_AFTER_SECONDS = 10;

/** How many may do something at the same time. Whoever takes a place disposes it. */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #byHolder = new Map<string, number>();
  #count = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** Places taken now. */
  get count(): number {
    return this.#count;
  }

  /** Throws the limits' code when there is none. Disposing a place again does nothing. */
  take(holder: string): Disposable {
    const held = this.#byHolder.get(holder) ?? 0;
    const { max, maxPerHolder, what, code = 'resource_exhausted' } = this.#limits;
    if (this.#count >= max) throw refused(code, `Too many ${what}.`);
    if (held >= maxPerHolder) throw refused(code, `Too many ${what} by one client.`);
    this.#count += 1;
    this.#byHolder.set(holder, held + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#count -= 1;
        const left = (this.#byHolder.get(holder) ?? 1) - 1;
        if (left === 0) this.#byHolder.delete(holder);
        else this.#byHolder.set(holder, left);
      },
    };
  }
}

function refused(code: 'resource_exhausted' | 'unavailable', reason: string): FarmError {
  return new FarmError(code, `${reason} Please try again later.`, {
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
