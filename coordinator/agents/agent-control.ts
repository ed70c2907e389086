import type { Log } from '../../shared/log.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { AgentRegistry } from './agent-registry.ts';

export interface AgentControlDependencies {
  readonly agents: Pick<AgentRegistry, 'list' | 'setDrained'>;
  readonly queue: Pick<JobQueue, 'wakeAgent'>;
  readonly log: Log;
}

/** What an operator does with single agents; remembered for agents that are not there too. */
export class AgentControl {
  readonly #deps: AgentControlDependencies;

  constructor(deps: AgentControlDependencies) {
    this.#deps = deps;
  }

  /** Lets an agent finish what it has and take no more work. @returns whether it is there now. */
  async drain(agentId: string): Promise<boolean> {
    return await this.#set(agentId, true);
  }

  /** Lets a drained agent take work again. @returns whether it is there now. */
  async undrain(agentId: string): Promise<boolean> {
    return await this.#set(agentId, false);
  }

  async #set(agentId: string, isDrained: boolean): Promise<boolean> {
    const { agents, queue, log } = this.#deps;
    await agents.setDrained(agentId, isDrained);
    // Its next pull is taken in with the new word; until then its parked one is answered with nothing.
    queue.wakeAgent(agentId);
    log.info({ agentId, isDrained }, 'agent was told by the operator');
    return (await agents.list()).some(({ pull }) => pull.agentId === agentId);
  }
}
