import type { Clock } from '../../shared/clock.ts';
import { isFinal } from '../../shared/domain/build.ts';
import type { BuildRecord } from './build-record.ts';

export interface FinalBuildsConfig {
  /** How long what Redis said is believed without asking again, milliseconds. Default 250. */
  readonly trustMs?: number;
  /** Most bytes of all answers together, as JSON. Default 32 MiB. */
  readonly maxBytes?: number;
}

/** Whether a final build is still the one there is. */
export type IsStill = (record: BuildRecord) => Promise<boolean>;

interface Held {
  readonly record: BuildRecord;
  readonly sizeBytes: number;
  /** Steady milliseconds: when Redis was asked, not when it answered. */
  askedAt: number;
  asking: Promise<boolean> | undefined;
}

/** An answer larger than this part of all is not held: it would push out too many others. */
const LARGEST_PART = 1 / 16;

/**
 * Final builds in the memory of this replica, so that a result which many ask for costs no round trip each.
 *
 * A final build of one generation never changes: it can only go, by expiry, purge or withdrawal, or be made anew under another
 * generation. So what is held is right as long as state and generation are, and they are asked for again before a record is
 * given that was not confirmed within `trustMs`: that is how long any replica may go on with a build that is gone. Where this
 * replica itself makes a build anew it forgets the old one at once. A client that was told 202 polls after 500 ms at the
 * earliest (owut; contract 1.1), so no replica tells it the old result.
 */
export class FinalBuilds {
  readonly #clock: Clock;
  readonly #trustMs: number;
  readonly #maxBytes: number;
  /** In the order of use, the least recent first. */
  readonly #held = new Map<string, Held>();
  #sizeBytes = 0;

  constructor(clock: Clock, config: FinalBuildsConfig = {}) {
    this.#clock = clock;
    this.#trustMs = config.trustMs ?? 250;
    this.#maxBytes = config.maxBytes ?? 32 * 1024 ** 2;
  }

  /**
   * The build as it was within `trustMs`; undefined when Redis has to be asked.
   * @param isStill asks Redis; done ahead of time for what is wanted often, so that nobody waits for it.
   */
  lately(hash: string, isStill: IsStill): BuildRecord | undefined {
    const held = this.#held.get(hash);
    if (!held) return undefined;
    const age = this.#clock.steadyMs() - held.askedAt;
    if (age >= this.#trustMs) return undefined;
    // What fails here is asked again, and told, once the time of what is held is over.
    if (age >= this.#trustMs / 2) this.confirmed(hash, isStill).catch(() => undefined);
    return held.record;
  }

  /**
   * The build that is held, when it is still the one there is; it is forgotten otherwise.
   * @param isStill asks Redis; one question at a time, however many want to know.
   */
  async confirmed(hash: string, isStill: IsStill): Promise<BuildRecord | undefined> {
    const held = this.#held.get(hash);
    if (!held) return undefined;
    held.asking ??= this.#ask(held, isStill).finally(() => {
      held.asking = undefined;
    });
    if (await held.asking) return held.record;
    if (this.#held.get(hash) === held) this.forget(hash);
    return undefined;
  }

  /** Holds a build that was read from Redis, if it is final; `askedAt` is the time before it was asked for. */
  hold(record: BuildRecord, askedAt: number): void {
    if (!isFinal(record.state)) return;
    const sizeBytes = JSON.stringify([record.answer, record.spec]).length;
    this.forget(record.requestHash);
    if (sizeBytes > this.#maxBytes * LARGEST_PART) return;
    this.#held.set(record.requestHash, { record, sizeBytes, askedAt, asking: undefined });
    this.#sizeBytes += sizeBytes;
    for (const oldest of this.#held.keys()) {
      if (this.#sizeBytes <= this.#maxBytes) break;
      this.forget(oldest);
    }
  }

  forget(hash: string): void {
    this.#sizeBytes -= this.#held.get(hash)?.sizeBytes ?? 0;
    this.#held.delete(hash);
  }

  async #ask(held: Held, isStill: IsStill): Promise<boolean> {
    const askedAt = this.#clock.steadyMs();
    const is = await isStill(held.record);
    if (!is) return false;
    held.askedAt = askedAt;
    // Used, though not each time: once per `trustMs` is enough to tell what is wanted from what is not.
    const { requestHash } = held.record;
    if (this.#held.get(requestHash) === held) {
      this.#held.delete(requestHash);
      this.#held.set(requestHash, held);
    }
    return true;
  }
}
