import { Redis } from 'ioredis';
import { agentKey } from '../../coordinator/builds/keys.ts';
import { type Pull, PullSchema } from '../../shared/messages/pull.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import type { TestFarm } from './start-farm.ts';
import { archiveName } from './upstream/imagebuilder-archive.ts';
import { MINI_TARGETS } from './upstream/mini-targets.ts';
import { MINI_VERSIONS } from './upstream/mini-versions.ts';

/** A builder of the miniature, as requests name it. */
export interface MiniBuilder {
  readonly version: string;
  readonly target: string;
}

/** An agent as the farm shows it. */
export interface Shown {
  readonly id: string;
  readonly state: string;
  /** `24.10.4 x86/64`. */
  readonly warm: readonly string[];
}

export async function shownAgents(farm: TestFarm): Promise<readonly Shown[]> {
  const reply = await fetch(`${farm.url}/api/v1/agents`);
  return ((await reply.json()) as { readonly agents: readonly Shown[] }).agents;
}

/** What the farm shows every agent to have warm; agents that have nothing are left out. */
export async function warmByAgent(farm: TestFarm): Promise<Readonly<Record<string, readonly string[]>>> {
  const agents = await shownAgents(farm);
  return Object.fromEntries(agents.filter(({ warm }) => warm.length > 0).map(({ id, warm }) => [id, warm]));
}

/** How often agents fetched the archive of a builder. */
export function fetchesOf(farm: TestFarm, { version, target }: MiniBuilder): number {
  const mini = MINI_VERSIONS.find((each) => each.version === version);
  const of = MINI_TARGETS.find((each) => each.name === target);
  if (!mini || !of) throw new Error(`the miniature has no ${version} ${target}`);
  return farm.upstream.requests(`/${mini.path}/targets/${target}/${archiveName(mini, of)}`);
}

/** What an agent told last; undefined of one that is not there. */
export async function newestPull(farm: TestFarm, agentId: string): Promise<Pull | undefined> {
  const redis = new Redis(farm.redis.url);
  try {
    const text = await redis.hget(agentKey(agentId), 'pull');
    return text ? parseJsonAs(PullSchema, text, `pull of ${agentId}`) : undefined;
  } finally {
    redis.disconnect();
  }
}
