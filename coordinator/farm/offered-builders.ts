import type { Redis } from 'ioredis';
import { type BuilderSource, BuilderSourceSchema, builderToken } from '../../shared/domain/builder.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { OFFERED_KEY } from '../builds/keys.ts';

/** Builders the farm deals with, as upstream offers them now; kept in Redis by the keeper, read by every coordinator. */
export class OfferedBuilders {
  readonly #redis: Redis;
  #parsed: ReadonlyMap<string, { readonly text: string; readonly source: BuilderSource }> = new Map();

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** By builder token. */
  async all(): Promise<ReadonlyMap<string, BuilderSource>> {
    const parsed = new Map<string, { readonly text: string; readonly source: BuilderSource }>();
    for (const [builder, text] of Object.entries(await this.#redis.hgetall(OFFERED_KEY))) {
      const known = this.#parsed.get(builder);
      const source =
        known?.text === text ? known.source : parseJsonAs(BuilderSourceSchema, text, `source of ${builder}`);
      parsed.set(builder, { text, source });
    }
    this.#parsed = parsed;
    return new Map([...parsed].map(([builder, { source }]) => [builder, source]));
  }

  async note(source: BuilderSource): Promise<void> {
    await this.#redis.hset(OFFERED_KEY, builderToken(source), JSON.stringify(source));
  }

  /** Upstream offers it no longer, or the farm deals with it no longer. */
  async forget(builder: string): Promise<void> {
    await this.#redis.hdel(OFFERED_KEY, builder);
  }
}
