import type { FaultKind } from '../fault-kind.ts';
import { grpcLinesOf } from '../lines.ts';

/** No connection between an agent and any coordinator. */
export const cutGrpc: FaultKind = {
  name: 'agent–coordinator cut',
  targets: 'agents',
  lastsMs: [500, 8_000],
  begin: async (farm, target) => {
    for (const line of grpcLinesOf(farm, target)) line.cut();
  },
  end: async (farm, target) => {
    for (const line of grpcLinesOf(farm, target)) line.heal();
  },
};
