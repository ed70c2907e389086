import type { FaultKind } from '../fault-kind.ts';

export const silenceNats: FaultKind = {
  name: 'agent–NATS silent',
  targets: 'agents',
  lastsMs: [500, 20_000],
  begin: async (farm, target) => farm.agents[target]?.natsLine.freeze(),
  end: async (farm, target) => farm.agents[target]?.natsLine.heal(),
};
