import type { FaultKind } from '../fault-kind.ts';

/** Its connections stand and nobody answers. */
export const freezeCoordinator: FaultKind = {
  name: 'coordinator frozen',
  targets: 'coordinators',
  lastsMs: [1_000, 12_000],
  begin: async (farm, target) => farm.coordinators[target]?.process.freeze(),
  end: async (farm, target) => farm.coordinators[target]?.process.thaw(),
};
