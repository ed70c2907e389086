import type { FaultKind } from '../fault-kind.ts';

/** SIGKILL, then the same store again. */
export const killNats: FaultKind = {
  name: 'nats-server killed',
  targets: 'farm',
  lastsMs: [0, 4_000],
  touches: 'jetstream',
  begin: async (farm) => await farm.nats.kill(),
  end: async (farm) => await farm.nats.start(),
};
