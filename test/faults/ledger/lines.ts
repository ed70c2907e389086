import type { SlowProxy } from '../../support/slow-proxy.ts';
import type { LedgerFarm } from './farm.ts';

/** The lines over which an agent reaches coordinators; one without lines of its own shares those of all like it. */
export function grpcLinesOf(farm: LedgerFarm, agent: number): readonly SlowProxy[] {
  const own = farm.agents[agent]?.grpcLines ?? [];
  return own.length > 0 ? own : farm.coordinators.map(({ line }) => line);
}
