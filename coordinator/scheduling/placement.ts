import { type AgentView, freeSlots, isWarm, mayServe, type WaitingView } from './farm-view.ts';

/**
 * Agents that could begin the first build of a set now, the best first: the one whose CPU is least waited for, then the one with the
 * larger part of its slots free. Warmth is required: an agent without the builder first fetches it, see `warming.ts`.
 */
export function agentsFor(set: WaitingView, agents: readonly AgentView[]): readonly AgentView[] {
  return agents
    .filter((agent) => freeSlots(agent) > 0 && isWarm(agent, set) && mayServe(agent, set))
    .sort(byLoad);
}

/** The set one agent should serve first: of those it has warm and may take, the one whose first build is first in fair order. */
export function nextSet(agent: AgentView, sets: readonly WaitingView[]): WaitingView | undefined {
  if (freeSlots(agent) === 0) return undefined;
  return servable(agent, sets)[0];
}

/** All sets an agent has warm and may take, in fair order; the first one may turn out to hold nothing for it. */
export function servable(agent: AgentView, sets: readonly WaitingView[]): readonly WaitingView[] {
  return sets
    .filter((set) => set.count > 0 && isWarm(agent, set) && mayServe(agent, set))
    .sort((left, right) => left.firstScore - right.firstScore || (left.builder < right.builder ? -1 : 1));
}

/** How busy a machine is, 0 to 1: by pressure where the kernel tells it, else by load, which also counts its other work. */
export function pressureOf(agent: Pick<AgentView, 'loadPerCore' | 'cpuPressure'>): number {
  return agent.cpuPressure ?? Math.min(1, agent.loadPerCore);
}

/** Sorts the least loaded agent first. Pressure is compared in tenths: below that it is noise. */
export function byLoad(left: AgentView, right: AgentView): number {
  const tenths = (agent: AgentView): number => Math.round(pressureOf(agent) * 10);
  const busy = (agent: AgentView): number => agent.running.length / Math.max(1, agent.slots);
  return tenths(left) - tenths(right) || busy(left) - busy(right) || (left.agentId < right.agentId ? -1 : 1);
}
