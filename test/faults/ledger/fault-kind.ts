import type { Random } from '../../bench/sim/random.ts';
import type { LedgerFarm } from './farm.ts';

/** Something that keeps what others do not. */
export type Store = 'redis' | 'jetstream' | 'artifacts';

/** One way of hurting a farm. */
export interface FaultKind {
  readonly name: string;
  /** Whom it may strike; one is drawn. */
  readonly targets: 'agents' | 'coordinators' | 'farm';
  /** How long it lasts, milliseconds. */
  readonly lastsMs: readonly [least: number, most: number];
  /** The store it keeps from working; while another one is wiped this must not be. */
  readonly touches?: Store;
  /** It makes that store forget everything. */
  readonly wipes?: true;
  /** Why it cannot be done on this machine, where it cannot. */
  readonly refusal?: (farm: LedgerFarm) => string | undefined;
  readonly begin: (farm: LedgerFarm, target: number, random: Random) => Promise<void>;
  readonly end: (farm: LedgerFarm, target: number) => Promise<void>;
}
