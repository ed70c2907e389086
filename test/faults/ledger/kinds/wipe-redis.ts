import { rm } from 'node:fs/promises';
import type { FaultKind } from '../fault-kind.ts';

/** Killed, and started again without its append-only file. */
export const wipeRedis: FaultKind = {
  name: 'Redis wiped',
  targets: 'farm',
  lastsMs: [0, 2_000],
  touches: 'redis',
  wipes: true,
  begin: async (farm) => {
    await farm.redis.kill();
    await rm(farm.redisFolder, { recursive: true, force: true });
  },
  end: async (farm) => await farm.redis.start(),
};
