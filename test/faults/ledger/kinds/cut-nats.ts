import type { FaultKind } from '../fault-kind.ts';

export const cutNats: FaultKind = {
  name: 'agent–NATS cut',
  targets: 'agents',
  lastsMs: [500, 10_000],
  begin: async (farm, target) => farm.agents[target]?.natsLine.cut(),
  end: async (farm, target) => farm.agents[target]?.natsLine.heal(),
};
