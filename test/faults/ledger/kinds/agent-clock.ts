import type { FaultKind } from '../fault-kind.ts';
import { setClock } from '../set-clock.ts';

/** Its clock is set, up to a day forth or back, and right again later. */
export const agentClock: FaultKind = {
  name: 'agent’s clock jumps',
  targets: 'agents',
  lastsMs: [1_000, 20_000],
  begin: async (farm, target, random) => await setClock(farm.agents[target], random),
  end: async (farm, target) => await setClock(farm.agents[target]),
};
