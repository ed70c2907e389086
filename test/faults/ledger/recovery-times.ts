import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { endedLease, frozenAgent, killedAgent } from './drills/agent-drills.ts';
import {
  agentsOfKilledCoordinator,
  clientsOfKilledCoordinator,
  streamsOfKilledCoordinator,
} from './drills/coordinator-drills.ts';
import type { Drill } from './drills/drill.ts';
import { restartedNats } from './drills/nats-drill.ts';
import type { LedgerFarm } from './farm.ts';

const DRILLS: readonly Drill[] = [
  killedAgent,
  frozenAgent,
  endedLease,
  clientsOfKilledCoordinator,
  agentsOfKilledCoordinator,
  streamsOfKilledCoordinator,
  restartedNats,
];
/** Between two, so that each strikes a farm that is whole, milliseconds. */
const CALM_MS = 1_500;

export interface RecoveryTimes {
  readonly name: string;
  readonly reachMs: number;
  /** Milliseconds, the shortest first. */
  readonly times: readonly number[];
}

/**
 * How long a farm that is whole and at work takes to get over one fault at a time.
 * @param share of the usual number of times; each drill is done once at least.
 */
export async function measureRecovery(
  farm: LedgerFarm,
  share: number,
  stop: AbortSignal,
  onEvent: (text: string) => void,
): Promise<readonly RecoveryTimes[]> {
  const redis = new Redis(farm.redisUrl);
  redis.on('error', () => undefined);
  try {
    const measured: RecoveryTimes[] = [];
    for (const drill of DRILLS) {
      const times: number[] = [];
      const rounds = Math.max(1, Math.round(drill.times * share));
      for (let round = 0; round < rounds && !stop.aborted; round += 1) {
        await sleep(CALM_MS);
        times.push(...(await drill.once({ farm, redis, stop }, round)));
      }
      onEvent(`${drill.name}: ${times.length} times measured`);
      measured.push({
        name: drill.name,
        reachMs: drill.reachMs,
        times: times.sort((one, other) => one - other),
      });
    }
    return measured;
  } finally {
    redis.disconnect();
  }
}
