import type { FaultKind } from '../fault-kind.ts';
import { grpcLinesOf } from '../lines.ts';

/** A thin, long line between an agent and the coordinators. */
export const slowGrpc: FaultKind = {
  name: 'agent–coordinator slow',
  targets: 'agents',
  lastsMs: [2_000, 10_000],
  begin: async (farm, target, random) => {
    const quality = { delayMs: 20 + random.next() * 200, bytesPerSecond: 20_000 + random.next() * 200_000 };
    for (const line of grpcLinesOf(farm, target)) line.slow(quality);
  },
  end: async (farm, target) => {
    for (const line of grpcLinesOf(farm, target)) line.slow({});
  },
};
