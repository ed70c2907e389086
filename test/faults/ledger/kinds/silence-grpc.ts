import type { FaultKind } from '../fault-kind.ts';
import { grpcLinesOf } from '../lines.ts';

/** What an agent and the coordinators say to each other gets lost, and neither is told. */
export const silenceGrpc: FaultKind = {
  name: 'agent–coordinator silent',
  targets: 'agents',
  lastsMs: [500, 20_000],
  begin: async (farm, target) => {
    for (const line of grpcLinesOf(farm, target)) line.freeze();
  },
  end: async (farm, target) => {
    for (const line of grpcLinesOf(farm, target)) line.heal();
  },
};
