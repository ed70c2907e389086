import { describe, expect, test } from 'vitest';
import type { Pull } from '../../shared/messages/pull.ts';
import type { AgentState } from '../agents/agent-registry.ts';
import { PATIENCE_MS, shouldWarm, type WarmDemand, warmDemand } from './warm-policy.ts';

const wanted = { builder: 'openwrt=24_10_4=x86=64', digest: 'd'.repeat(64) };

describe('one more machine fetches a builder', () => {
  const demand: WarmDemand = { waitingCount: 1, firstWaitMs: 0, freeWarmSlots: 0, isWarmSomewhere: false };

  test('at once when nobody has it', () => {
    expect(shouldWarm(demand)).toBe(true);
  });

  test('when those who have it stay busy for longer than patience lasts', () => {
    const busy = { ...demand, isWarmSomewhere: true };
    expect(shouldWarm({ ...busy, firstWaitMs: PATIENCE_MS - 1 })).toBe(false);
    expect(shouldWarm({ ...busy, firstWaitMs: PATIENCE_MS })).toBe(true);
  });

  test('never while free slots that have it are enough for all that wait', () => {
    const served = { ...demand, isWarmSomewhere: true, firstWaitMs: 60_000, freeWarmSlots: 3 };
    expect(shouldWarm({ ...served, waitingCount: 3 })).toBe(false);
    expect(shouldWarm({ ...served, waitingCount: 4 })).toBe(true);
  });

  test('never for nothing', () => {
    expect(shouldWarm({ ...demand, waitingCount: 0 })).toBe(false);
  });
});

describe('the demand for a builder', () => {
  const waiting = { count: 2, firstWaitMs: 700, avoidAgent: null };

  function agent(pull: Partial<Pull>, state: Partial<AgentState> = {}): AgentState {
    return {
      pull: {
        version: 1,
        agentId: 'attic',
        session: '5'.repeat(32),
        sequence: 1,
        software: '0.1.0',
        slots: 2,
        attempts: [],
        warm: [wanted],
        warming: [],
        warmFailures: [],
        loadPerCore: 0,
        diskFreeBytes: 0,
        draining: false,
        ...pull,
      },
      heldAttempts: 0,
      isSuspect: false,
      isDrained: false,
      ...state,
    };
  }

  test('counts the free slots of all who have exactly these bytes', () => {
    const agents = [
      agent({ agentId: 'attic' }, { heldAttempts: 1 }),
      agent({ agentId: 'cellar', slots: 4 }),
      agent({ agentId: 'old', warm: [{ ...wanted, digest: 'e'.repeat(64) }] }),
      agent({ agentId: 'other', warm: [{ ...wanted, builder: 'openwrt=24_10_4=x86=generic' }] }),
    ];
    expect(warmDemand(agents, wanted, waiting)).toEqual({
      waitingCount: 2,
      firstWaitMs: 700,
      freeWarmSlots: 5,
      isWarmSomewhere: true,
    });
  });

  test('knows it warm on a machine that is busy, even beyond its slots', () => {
    const busy = [agent({}, { heldAttempts: 3 }), agent({ agentId: 'cellar' }, { heldAttempts: 1 })];
    expect(warmDemand(busy, wanted, waiting)).toMatchObject({ freeWarmSlots: 1, isWarmSomewhere: true });
  });

  test.each([
    ['nobody is there', []],
    ['it went silent with a build', [agent({}, { isSuspect: true })]],
    ['it has the bytes of yesterday', [agent({ warm: [{ ...wanted, digest: 'e'.repeat(64) }] })]],
  ])('finds it warm nowhere when %s', (_why, agents) => {
    expect(warmDemand(agents, wanted, waiting)).toMatchObject({ freeWarmSlots: 0, isWarmSomewhere: false });
  });

  test('does not count the machine that just lost the build', () => {
    const agents = [agent({ agentId: 'attic' })];
    const avoiding = warmDemand(agents, wanted, { ...waiting, avoidAgent: 'attic' });
    expect(avoiding).toMatchObject({ freeWarmSlots: 0, isWarmSomewhere: false });
    expect(shouldWarm(avoiding)).toBe(true);
    expect(warmDemand(agents, wanted, { ...waiting, avoidAgent: 'cellar' }).freeWarmSlots).toBe(2);
  });

  test('counts no slot of a machine that drains', () => {
    expect(warmDemand([agent({ draining: true })], wanted, waiting).freeWarmSlots).toBe(0);
  });
});
