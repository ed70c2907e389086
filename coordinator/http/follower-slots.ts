import { FarmError } from '../../shared/errors.ts';

export interface FollowerLimits {
  /** At this coordinator, over all clients. */
  readonly maxFollowers: number;
  /** Of one client, as `ClientIdentity` tells them apart. */
  readonly maxFollowersPerClient: number;
}

/** Seconds after which somebody else has probably seen enough. */
const RETRY_AFTER_SECONDS = 10;

/** How many may read along at the same time. Whoever takes a slot disposes it. */
export class FollowerSlots {
  readonly #limits: FollowerLimits;
  readonly #byClient = new Map<string, number>();
  #count = 0;

  constructor(limits: FollowerLimits) {
    this.#limits = limits;
  }

  /** Slots taken now. */
  get count(): number {
    return this.#count;
  }

  /** Throws `resource_exhausted` when there is none. Disposing it again does nothing. */
  take(client: string): Disposable {
    const ofClient = this.#byClient.get(client) ?? 0;
    const { maxFollowers, maxFollowersPerClient } = this.#limits;
    if (ofClient >= maxFollowersPerClient) throw refused('You follow too many builds at once.');
    if (this.#count >= maxFollowers) throw refused('Too many builds are followed here at once.');
    this.#count += 1;
    this.#byClient.set(client, ofClient + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#count -= 1;
        const left = (this.#byClient.get(client) ?? 1) - 1;
        if (left === 0) this.#byClient.delete(client);
        else this.#byClient.set(client, left);
      },
    };
  }
}

function refused(reason: string): FarmError {
  return new FarmError('resource_exhausted', `${reason} Please try again later.`, {
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
