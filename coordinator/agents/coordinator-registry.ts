import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { parseJsonAs } from '../../shared/schema.ts';
import { COORDINATORS_KEY } from '../builds/keys.ts';
import { redisNowMs } from '../builds/redis-now.ts';

/**
 * How often a coordinator says that it is there, and after how long of silence it is taken for gone: agents whose pulls were parked
 * at one that died are heard again within the sum of both. One that was only busy loses nothing by it.
 */
export const ANNOUNCE_MS = 500;
const SILENT_MS = 2_000;
/** Entries of coordinators gone for so long are dropped. */
const FORGET_MS = 10 * 60_000;

const EntrySchema = Type.Object({ grpc: Type.String(), seenAt: Type.Integer() });
type Entry = Static<typeof EntrySchema>;

/** Which coordinators are live and where agents reach them. */
export class CoordinatorRegistry {
  readonly #redis: Redis;
  readonly #id: string;
  readonly #grpc: string;
  #isWithdrawn = false;
  #live: ReadonlyMap<string, string> = new Map();

  /** @param grpc `host:port` under which agents reach this coordinator. */
  constructor(redis: Redis, id: string, grpc: string) {
    this.#redis = redis;
    this.#id = id;
    this.#grpc = grpc;
  }

  async announce(): Promise<void> {
    const entry: Entry = { grpc: this.#grpc, seenAt: await redisNowMs(this.#redis) };
    await this.#redis.hset(COORDINATORS_KEY, this.#id, JSON.stringify(entry));
  }

  /** Takes this coordinator off the list; agents are not sent here any more. */
  async withdraw(): Promise<void> {
    this.#isWithdrawn = true;
    await this.#redis.hdel(COORDINATORS_KEY, this.#id);
  }

  /** gRPC addresses of the live coordinators, this one first unless withdrawn. While Redis is away, as they were last known. */
  addresses(): readonly string[] {
    const own = this.#isWithdrawn ? [] : [this.#grpc];
    return [...new Set([...own, ...this.#live.values()])];
  }

  /** Looks who is there. Returns true when a coordinator that was live is gone without having said so. */
  async look(): Promise<boolean> {
    const now = await redisNowMs(this.#redis);
    const entries = Object.entries(await this.#redis.hgetall(COORDINATORS_KEY));
    const live = new Map<string, string>();
    let isOneGone = false;
    for (const [id, text] of entries) {
      const { grpc, seenAt } = parseJsonAs(EntrySchema, text, 'coordinator in Redis');
      if (now - seenAt < SILENT_MS) live.set(id, grpc);
      else if (this.#live.has(id)) isOneGone = true;
      if (now - seenAt > FORGET_MS) await this.#redis.hdel(COORDINATORS_KEY, id);
    }
    this.#live = live;
    return isOneGone;
  }
}
