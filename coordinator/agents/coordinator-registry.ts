import type { Redis } from 'ioredis';
import { type Static, Type } from 'typebox';
import { parseJsonAs } from '../../shared/schema.ts';
import { COORDINATORS_KEY } from '../builds/keys.ts';
import { redisNowMs } from '../builds/redis-now.ts';

/** How often a coordinator says that it is there, and after how long of silence it is not named any more. */
export const ANNOUNCE_MS = 3_000;
const SILENT_MS = 10_000;

const EntrySchema = Type.Object({ grpc: Type.String(), seenAt: Type.Integer() });
type Entry = Static<typeof EntrySchema>;

/** Which coordinators are live and where agents reach them. */
export class CoordinatorRegistry {
  readonly #redis: Redis;
  readonly #id: string;
  readonly #grpc: string;
  #isWithdrawn = false;

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

  /** gRPC addresses of the live coordinators, this one first unless withdrawn. Drops the entries of those long gone. */
  async addresses(): Promise<readonly string[]> {
    const now = await redisNowMs(this.#redis);
    const addresses = new Set(this.#isWithdrawn ? [] : [this.#grpc]);
    for (const [id, text] of Object.entries(await this.#redis.hgetall(COORDINATORS_KEY))) {
      const entry = parseJsonAs(EntrySchema, text, 'coordinator in Redis');
      if (now - entry.seenAt < SILENT_MS) addresses.add(entry.grpc);
      else if (now - entry.seenAt > 60 * SILENT_MS) await this.#redis.hdel(COORDINATORS_KEY, id);
    }
    return [...addresses];
  }
}
