import { type AgentView, freeSlots, isWarm, mayServe, type WaitingView } from './farm-view.ts';
import { Holders } from './holders.ts';

/**
 * Which agents should look for work, the best first: for each set in fair order the least loaded that have its builder warm, as many
 * as builds wait. An agent is named once for each build it should take.
 * @returns also the sets for which there are too few.
 */
export function matchAgents(
  sets: readonly WaitingView[],
  agents: readonly AgentView[],
): { readonly agentIds: readonly string[]; readonly unmatched: readonly WaitingView[] } {
  const free = new Map(agents.map((agent) => [agent.agentId, freeSlots(agent)]));
  const able = new Holders(agents.filter((agent) => freeSlots(agent) > 0).sort(byLoad));
  const agentIds: string[] = [];
  const unmatched: WaitingView[] = [];
  for (const set of [...sets].sort((left, right) => left.firstScore - right.firstScore)) {
    let open = set.count;
    for (const agent of able.warm(set)) {
      if (open === 0) break;
      const { agentId } = agent;
      let slots = free.get(agentId) ?? 0;
      if (slots === 0 || !mayServe(agent, set)) continue;
      for (; open > 0 && slots > 0; slots -= 1) {
        agentIds.push(agentId);
        open -= 1;
      }
      free.set(agentId, slots);
    }
    if (open > 0) unmatched.push(set);
  }
  return { agentIds, unmatched };
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
