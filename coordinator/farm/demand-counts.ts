import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { DEMAND_KEY } from '../builds/keys.ts';
import { countRequest, type Demand, demandAt } from '../scheduling/demand.ts';

/** How old the counts that decisions rest on may be, milliseconds. */
const KEEP_MS = 5_000;
/** A builder that counts less than this is forgotten: one request, five half-lives ago. */
const LEAST_COUNT = 1 / 32;

export interface DemandCountsDependencies {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often builders were asked for, in Redis, so that every coordinator knows and a restart forgets nothing. */
export class DemandCounts {
  readonly #deps: DemandCountsDependencies;
  #held: { readonly at: number; readonly demands: Promise<ReadonlyMap<string, Demand>> } | undefined;

  constructor(deps: DemandCountsDependencies) {
    this.#deps = deps;
  }

  /** Counts a build that has to be made. What fails is logged: a count that is one too low harms nobody. */
  count(builder: string): void {
    this.#count(builder).catch((thrown: unknown) =>
      this.#deps.log.debug({ builder, reason: messageOf(thrown) }, 'a request was not counted'),
    );
  }

  async #count(builder: string): Promise<void> {
    const { redis, clock } = this.#deps;
    // Two coordinators that count at once may lose one of the two.
    const known = parse(await redis.hget(DEMAND_KEY, builder));
    await redis.hset(DEMAND_KEY, builder, format(countRequest(known, clock.now())));
  }

  /** Counts builders as asked for that nobody asked for yet. */
  async expect(demands: ReadonlyMap<string, Demand>): Promise<void> {
    for (const [builder, demand] of demands)
      await this.#deps.redis.hsetnx(DEMAND_KEY, builder, format(demand));
    this.#held = undefined;
  }

  /** All builders that were asked for lately; a few seconds old. */
  async all(): Promise<ReadonlyMap<string, Demand>> {
    const { clock } = this.#deps;
    const at = clock.steadyMs();
    if (this.#held && at - this.#held.at < KEEP_MS) return this.#held.demands;
    const demands = this.#read(clock.now());
    this.#held = { at, demands };
    demands.catch(() => {
      this.#held = undefined;
    });
    return demands;
  }

  async #read(now: number): Promise<ReadonlyMap<string, Demand>> {
    const demands = new Map<string, Demand>();
    const faded: string[] = [];
    for (const [builder, text] of Object.entries(await this.#deps.redis.hgetall(DEMAND_KEY))) {
      const demand = parse(text);
      if (demand && demandAt(demand, now) >= LEAST_COUNT) demands.set(builder, demand);
      else faded.push(builder);
    }
    if (faded.length > 0) await this.#deps.redis.hdel(DEMAND_KEY, ...faded);
    return demands;
  }
}

function format({ count, countedAt }: Demand): string {
  return `${count.toFixed(4)} ${countedAt}`;
}

function parse(text: string | null): Demand | undefined {
  const [count, countedAt] = (text ?? '').split(' ').map(Number);
  return count !== undefined &&
    countedAt !== undefined &&
    Number.isFinite(count) &&
    Number.isFinite(countedAt)
    ? { count, countedAt }
    : undefined;
}
