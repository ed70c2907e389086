import type { Redis } from 'ioredis';
import type { LedgerFarm } from '../farm.ts';

export interface DrillDependencies {
  readonly farm: LedgerFarm;
  readonly redis: Redis;
  readonly stop: AbortSignal;
}

/** One way a farm recovers: hurts it once, waits until it is whole again, and tells how long what it measures took. */
export interface Drill {
  /** `killed agent: its builds are made elsewhere`. */
  readonly name: string;
  /** What is promised of 99 in a hundred, milliseconds. */
  readonly reachMs: number;
  /** How often it is done in a run. */
  readonly times: number;
  /** Milliseconds, one for each build, agent or client that was struck. */
  readonly once: (deps: DrillDependencies, round: number) => Promise<readonly number[]>;
}
