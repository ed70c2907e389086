import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from 'nats';
import { systemClock } from '../../../shared/clock.ts';
import type { PinnedBuilder } from '../../../shared/domain/builder.ts';
import type { Lease } from '../../../shared/domain/lease.ts';
import { connectNats } from '../../../shared/nats-connection.ts';
import { answerParent } from '../child-process.ts';
import { AttemptEnder } from './attempt-ender.ts';
import { agentOf, BenchAgent, sessionInbox } from './bench-agent.ts';
import { followPlainQueue } from './plain-queue.ts';

/** The first message: who pulls, and from which farm. */
export interface AgentsPlan {
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly artifactsFolder: string;
  readonly slots: number;
  /** The warm builders of each agent. */
  readonly warm: readonly (readonly PinnedBuilder[])[];
}

/** Any later message. */
export type AgentsQuestion =
  /** When an agent was told of this build; answers once it was. */
  | { readonly ask: 'told'; readonly requestHash: string }
  /** When this message of the plain queue was fetched. */
  | { readonly ask: 'fetched'; readonly id: string }
  /** Ends a build of which an agent was told; its agent has pulled again when this is answered. */
  | { readonly ask: 'end'; readonly requestHash: string }
  /** From now on builds end by themselves, between half and one and a half times `afterMs` from now or from being told. */
  | { readonly ask: 'work'; readonly afterMs: number }
  /** No build ends by itself any more. */
  | { readonly ask: 'rest' }
  | { readonly ask: 'facts' };

export interface AgentsFacts {
  /** Builds held now, and told of in all. */
  readonly held: number;
  readonly told: number;
}

/** Moments that are waited for, by name. */
class Moments {
  readonly #known = new Map<string, number>();
  readonly #waiting = new Map<string, (at: number) => void>();

  note(name: string, at: number): void {
    this.#waiting.get(name)?.(at);
    this.#known.set(name, at);
  }

  async of(name: string): Promise<number> {
    return this.#known.get(name) ?? (await new Promise((resolve) => this.#waiting.set(name, resolve)));
  }
}

class Agents {
  readonly told = new Moments();
  readonly fetched = new Moments();
  readonly #agents = new Map<string, BenchAgent>();
  readonly #holders = new Map<string, BenchAgent>();
  readonly #ender: AttemptEnder;
  #toldCount = 0;
  #workMs: number | undefined;

  constructor(connection: NatsConnection, plan: AgentsPlan) {
    this.#ender = new AttemptEnder(connection, plan.redisUrl, plan.artifactsFolder);
    const session = randomBytes(16).toString('hex');
    connection.subscribe(sessionInbox(session), {
      callback: (error, message) => {
        if (!error) this.#agents.get(agentOf(message.subject))?.receive(message);
      },
    });
    const onTold = (agent: BenchAgent, lease: Lease, at: number): void => this.#onTold(agent, lease, at);
    for (const [at, warm] of plan.warm.entries()) {
      const agentId = `bench-${at}`;
      const { slots } = plan;
      this.#agents.set(agentId, new BenchAgent({ connection, agentId, session, slots, warm, onTold }));
    }
    for (const agent of this.#agents.values()) agent.pull();
    setInterval(() => {
      for (const agent of this.#agents.values()) agent.pullIfLate();
    }, 1_000);
  }

  async end(requestHash: string): Promise<void> {
    const agent = this.#holders.get(requestHash);
    if (!agent) return;
    this.#holders.delete(requestHash);
    await this.#ender.end(requestHash);
    agent.end(requestHash);
  }

  work(afterMs: number): void {
    this.#workMs = afterMs;
    for (const requestHash of this.#holders.keys()) this.#endLater(requestHash);
  }

  rest(): void {
    this.#workMs = undefined;
  }

  facts(): AgentsFacts {
    const held = [...this.#agents.values()].reduce((sum, { heldCount }) => sum + heldCount, 0);
    return { held, told: this.#toldCount };
  }

  #onTold(agent: BenchAgent, { requestHash }: Lease, at: number): void {
    this.told.note(requestHash, at);
    this.#toldCount += 1;
    this.#holders.set(requestHash, agent);
    if (this.#workMs !== undefined) this.#endLater(requestHash);
  }

  #endLater(requestHash: string): void {
    const afterMs = (this.#workMs ?? 0) * (0.5 + Math.random());
    setTimeout(() => {
      if (this.#workMs !== undefined) this.end(requestHash).catch((thrown) => console.error(thrown));
    }, afterMs);
  }
}

let agents: Agents | undefined;

answerParent(async (message: AgentsPlan | AgentsQuestion): Promise<unknown> => {
  if (!('ask' in message)) {
    const { natsUrl: url } = message;
    const connection = await connectNats({
      url,
      name: 'bench agents',
      inboxPrefix: '_INBOX_bench',
      clock: systemClock,
    });
    agents = new Agents(connection, message);
    await followPlainQueue(connection, agents.fetched);
    return undefined;
  }
  if (!agents) throw new Error('no agents were started');
  switch (message.ask) {
    case 'told':
      return await agents.told.of(message.requestHash);
    case 'fetched':
      return await agents.fetched.of(message.id);
    case 'end':
      await agents.end(message.requestHash);
      return await sleep(5);
    case 'work':
      return agents.work(message.afterMs);
    case 'rest':
      return agents.rest();
    case 'facts':
      return agents.facts();
  }
});
