import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { durationsKey } from './keys.ts';

/** How long a median is used before it is read again, milliseconds. */
const KEEP_MS = 10_000;
/** Builders whose medians are held together. */
const MAX_HELD = 2_000;

/** How long builds take, by what they took lately. */
export class BuildTimes {
  readonly #redis: Redis;
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #held = new Map<string, { readonly at: number; readonly ms: Promise<number | undefined> }>();

  constructor(redis: Redis, clock: Clock) {
    this.#redis = redis;
    this.#clock = clock;
  }

  /** The median of a builder's newest attempts, milliseconds; undefined where none has ended yet. */
  async medianMs(builder: string): Promise<number | undefined> {
    const now = this.#clock.steadyMs();
    const held = this.#held.get(builder);
    if (held && now - held.at < KEEP_MS) return held.ms;
    const ms = this.#read(builder);
    this.#held.delete(builder);
    this.#held.set(builder, { at: now, ms });
    const [oldest] = this.#held.keys();
    if (this.#held.size > MAX_HELD && oldest !== undefined) this.#held.delete(oldest);
    ms.catch(() => this.#held.delete(builder));
    return ms;
  }

  async #read(builder: string): Promise<number | undefined> {
    const took = (await this.#redis.lrange(durationsKey(builder), 0, -1)).map(Number);
    return took.sort((left, right) => left - right)[Math.floor(took.length / 2)];
  }
}
