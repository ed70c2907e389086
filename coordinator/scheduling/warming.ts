import type { AgentView, FarmView } from './farm-view.ts';
import { fetchesAhead } from './fetch-ahead.ts';
import { fetchesForWaiting } from './fetch-for-waiting.ts';
import type { Fetch } from './fetch-plan.ts';
import { type FetchLimits, startPlan } from './warming-state.ts';

/**
 * What the agents of a farm should begin to fetch now: first for what waits, and while fetches are left and nothing more is needed
 * for that, ahead of need. Each agent fetches one builder at a time. A function of the picture alone: coordinators that see the same
 * plan the same, and each carries out what concerns the pulls parked at it.
 */
export function planFetches(farm: FarmView, limits: FetchLimits): readonly Fetch[] {
  const state = startPlan(farm, limits);
  return [...fetchesForWaiting(state), ...fetchesAhead(state)];
}

/** What one agent should begin to fetch now, or `undefined`. */
export function fetchFor(agent: Pick<AgentView, 'agentId'>, plan: readonly Fetch[]): Fetch | undefined {
  return plan.find((fetch) => fetch.agentId === agent.agentId);
}
