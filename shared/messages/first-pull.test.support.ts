import type { Pull } from './pull.ts';

/** The first pull of an agent with one slot that has nothing yet. */
export function firstPull(changes: Partial<Pull> = {}): Pull {
  return {
    version: 1,
    agentId: 'attic',
    session: '0'.repeat(32),
    sequence: 1,
    software: '0.1.0',
    slots: 1,
    attempts: [],
    warm: [],
    warming: [],
    warmFailures: [],
    loadPerCore: 0,
    diskFreeBytes: 1,
    draining: false,
    ...changes,
  };
}
