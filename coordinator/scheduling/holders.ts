import type { PinnedBuilder } from '../../shared/domain/builder.ts';
import { type AgentView, isUsable } from './farm-view.ts';

/**
 * Which of the agents that are to be counted on have a builder warm or fetch it: made once for all questions about one picture, since
 * asking every agent about every builder takes a large farm longer than anything else.
 */
export class Holders {
  readonly #warm = new Map<string, Held[]>();
  readonly #fetching = new Map<string, Held[]>();

  constructor(agents: readonly AgentView[]) {
    for (const agent of agents) this.#add(agent);
  }

  /** Those that have exactly these bytes, in the order the agents were given in. */
  warm(wanted: PinnedBuilder): readonly AgentView[] {
    return find(this.#warm, wanted)?.agents ?? NOBODY;
  }

  fetching(wanted: PinnedBuilder): readonly AgentView[] {
    return find(this.#fetching, wanted)?.agents ?? NOBODY;
  }

  /** Those that have any bytes of a builder. */
  warmOfAny(builder: string): readonly AgentView[] {
    return this.#warm.get(builder)?.flatMap(({ agents }) => agents) ?? NOBODY;
  }

  /** Lets an agent be another one from now on: the last of those that hold what it holds. */
  replace(agent: AgentView, by: AgentView): void {
    for (const each of agent.warm) remove(this.#warm, each, agent);
    for (const each of agent.warming) remove(this.#fetching, each, agent);
    this.#add(by);
  }

  #add(agent: AgentView): void {
    if (!isUsable(agent)) return;
    for (const each of agent.warm) put(this.#warm, each, agent);
    for (const each of agent.warming) put(this.#fetching, each, agent);
  }
}

/** The holders of one digest of a builder. */
interface Held {
  readonly digest: string;
  readonly agents: AgentView[];
}

const NOBODY: readonly AgentView[] = [];

function find(all: ReadonlyMap<string, Held[]>, { builder, digest }: PinnedBuilder): Held | undefined {
  return all.get(builder)?.find((held) => held.digest === digest);
}

function put(all: Map<string, Held[]>, wanted: PinnedBuilder, agent: AgentView): void {
  const held = find(all, wanted);
  if (held) {
    // Told twice, an agent still has it once.
    if (held.agents.at(-1) !== agent) held.agents.push(agent);
    return;
  }
  const { builder, digest } = wanted;
  const first: Held = { digest, agents: [agent] };
  const digests = all.get(builder);
  if (digests) digests.push(first);
  else all.set(builder, [first]);
}

function remove(all: ReadonlyMap<string, Held[]>, wanted: PinnedBuilder, agent: AgentView): void {
  const agents = find(all, wanted)?.agents;
  const at = agents?.indexOf(agent) ?? -1;
  if (at >= 0) agents?.splice(at, 1);
}
