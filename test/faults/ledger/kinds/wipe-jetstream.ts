import { rm } from 'node:fs/promises';
import type { FaultKind } from '../fault-kind.ts';

/** Killed, and started again on an empty folder. */
export const wipeJetstream: FaultKind = {
  name: 'JetStream wiped',
  targets: 'farm',
  lastsMs: [0, 2_000],
  touches: 'jetstream',
  wipes: true,
  begin: async (farm) => {
    await farm.nats.kill();
    await rm(farm.jetstreamFolder, { recursive: true, force: true });
  },
  end: async (farm) => await farm.nats.start(),
};
