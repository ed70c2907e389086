import type { FaultKind } from '../fault-kind.ts';

/** SIGKILL, then the same append-only file again. */
export const killRedis: FaultKind = {
  name: 'redis-server killed',
  targets: 'farm',
  lastsMs: [0, 4_000],
  touches: 'redis',
  begin: async (farm) => await farm.redis.kill(),
  end: async (farm) => await farm.redis.start(),
};
