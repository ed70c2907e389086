import type { FaultKind } from '../fault-kind.ts';

export const slowNats: FaultKind = {
  name: 'agent–NATS slow',
  targets: 'agents',
  lastsMs: [2_000, 10_000],
  begin: async (farm, target, random) =>
    farm.agents[target]?.natsLine.slow({ delayMs: 50 + random.next() * 1_000 }),
  end: async (farm, target) => farm.agents[target]?.natsLine.slow({}),
};
