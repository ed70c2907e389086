import type { FaultKind } from '../fault-kind.ts';

/** SIGKILL; a service manager starts it again. */
export const killAgent: FaultKind = {
  name: 'agent killed',
  targets: 'agents',
  lastsMs: [200, 6_000],
  begin: async (farm, target) => await farm.agents[target]?.process.kill(),
  end: async (farm, target) => await farm.agents[target]?.process.start(),
};
