import type { FaultKind } from '../fault-kind.ts';

export const killCoordinator: FaultKind = {
  name: 'coordinator killed',
  targets: 'coordinators',
  lastsMs: [200, 6_000],
  begin: async (farm, target) => await farm.coordinators[target]?.process.kill(),
  end: async (farm, target) => await farm.coordinators[target]?.process.start(),
};
