import type { FaultKind } from '../fault-kind.ts';

/** Not a byte more fits into the artifact store. */
export const fillArtifactDisk: FaultKind = {
  name: 'artifact disk full',
  targets: 'farm',
  lastsMs: [1_000, 8_000],
  touches: 'artifacts',
  refusal: (farm) => farm.disk.cannotFill,
  begin: async (farm) => await farm.disk.fill(),
  end: async (farm) => await farm.disk.free(),
};
