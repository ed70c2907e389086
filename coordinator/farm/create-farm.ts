import type { Redis } from 'ioredis';
import type { Clock } from '../../shared/clock.ts';
import type { Log } from '../../shared/log.ts';
import type { AgentRegistry } from '../agents/agent-registry.ts';
import { BuildTimes } from '../builds/build-times.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import { DemandCounts } from './demand-counts.ts';
import { FarmPictures } from './farm-picture.ts';
import { OfferedBuilders } from './offered-builders.ts';
import { PinnedBuilders } from './pinned-builders.ts';

/** What a coordinator knows of the farm as a whole, wired. None of these has a life of its own. */
export interface Farm {
  readonly farm: FarmPictures;
  readonly times: BuildTimes;
  readonly demand: DemandCounts;
  readonly offered: OfferedBuilders;
  readonly pinned: PinnedBuilders;
}

export function createFarm(deps: {
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentRegistry;
  readonly waiting: WaitingQueue;
}): Farm {
  const { redis, clock, log, agents, waiting } = deps;
  const demand = new DemandCounts({ redis, clock, log });
  const times = new BuildTimes(redis, clock);
  const offered = new OfferedBuilders(redis);
  const pinned = new PinnedBuilders(redis);
  const farm = new FarmPictures({ agents, waiting, times, demand, offered, pinned, clock });
  return { farm, times, demand, offered, pinned };
}
