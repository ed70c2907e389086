import type { AgentView, FarmView, WaitingView } from './farm-view.ts';

/** Digest of every builder of the small farm that is not said to differ. */
export const CURRENT = 'c'.repeat(64);
export const STALE = 'e'.repeat(64);
export const GB = 1_000_000_000;

/** Token of a builder: `a` is `openwrt=24_10_4=a=generic`. */
export function token(name: string): string {
  return `openwrt=24_10_4=${name}=generic`;
}

export function pinned(name: string, digest: string = CURRENT): { builder: string; digest: string } {
  return { builder: token(name), digest };
}

/** An idle agent with two slots, room for two builders of 1 GB, and these warm. */
export function agent(agentId: string, warm: readonly string[], with_: Partial<AgentView> = {}): AgentView {
  return {
    agentId,
    slots: 2,
    warm: warm.map((name) => ({ ...pinned(name), sizeBytes: GB })),
    warming: [],
    running: [],
    ending: [],
    loadPerCore: 0,
    diskFreeBytes: 100 * GB,
    diskBudgetBytes: 2 * GB,
    lanes: ['open', 'trusted'],
    draining: false,
    isSuspect: false,
    paused: [],
    ...with_,
  };
}

/** So many builds that wait for a builder. */
export function waiting(name: string, count: number, with_: Partial<WaitingView> = {}): WaitingView {
  return { ...pinned(name), lane: 'open', count, firstScore: 1, avoidAgent: undefined, ...with_ };
}

/** Builders take 100 s to build with, 200 s to fetch, 1 GB of disk; requests are per hour. */
export function farm(
  agents: readonly AgentView[],
  sets: readonly WaitingView[] = [],
  perHour: Readonly<Record<string, number>> = {},
  with_: Partial<FarmView> = {},
): FarmView {
  const names = [...'abcdefgh'].map(token);
  const all = <V>(value: V): ReadonlyMap<string, V> => new Map(names.map((name) => [name, value]));
  return {
    agents,
    waiting: sets,
    rates: new Map(Object.entries(perHour).map(([name, rate]) => [token(name), rate / 3_600_000])),
    timings: { buildMs: all(100_000), fetchMs: all(200_000), fetchFactor: new Map() },
    sizes: all(GB),
    digests: all(CURRENT),
    pinned: new Set(),
    ...with_,
  };
}
