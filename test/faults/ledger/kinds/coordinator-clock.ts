import type { FaultKind } from '../fault-kind.ts';
import { setClock } from '../set-clock.ts';

export const coordinatorClock: FaultKind = {
  name: 'coordinator’s clock jumps',
  targets: 'coordinators',
  lastsMs: [1_000, 20_000],
  begin: async (farm, target, random) => await setClock(farm.coordinators[target], random),
  end: async (farm, target) => await setClock(farm.coordinators[target]),
};
