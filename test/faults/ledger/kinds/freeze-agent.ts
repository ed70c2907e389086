import type { FaultKind } from '../fault-kind.ts';

/** SIGSTOP, now and then for longer than a lease: what it says when it goes on is late. */
export const freezeAgent: FaultKind = {
  name: 'agent frozen',
  targets: 'agents',
  lastsMs: [1_000, 22_000],
  begin: async (farm, target) => farm.agents[target]?.process.freeze(),
  end: async (farm, target) => farm.agents[target]?.process.thaw(),
};
