import { join } from 'node:path';
import { Type } from 'typebox';
import { environmentName } from '../../shared/env.ts';
import { parseAs } from '../../shared/schema.ts';
import { Child } from './child.ts';
import type { FarmFolder } from './servers.ts';

/** How long an agent of `up` lets its builds finish when it is stopped, milliseconds. */
export const AGENT_DRAIN_MS = 3_000;
/** Longest time for a coordinator to hand over and end, and for an agent beyond its drain, milliseconds. */
const STOP_MS = 8_000;

/** The command line of wrtfarm itself, as program and first arguments. */
export type Program = readonly [string, ...string[]];

/** Where builders and packages come from. */
export interface UpstreamChoice {
  readonly url: string;
  /** Files of further usign public keys that may sign its sha256sums. */
  readonly keys: readonly string[];
  /** What agents keep free on the disk, as their `--disk-reserve`. Default: theirs. */
  readonly diskReserve?: string;
}

export interface CoordinatorPlan {
  readonly program: Program;
  /** From 1. */
  readonly number: number;
  /** 0 takes a free one, which is kept when the coordinator is started again. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly upstream: UpstreamChoice;
  /** Whether clients may send first-boot scripts. */
  readonly allowDefaults: boolean;
  /** URL prefixes of extra feeds that clients may name. */
  readonly repositoryAllowList: readonly string[];
  /** Keys of scripts, and proxies that are believed: as the coordinator's settings of these names. */
  readonly apiKeys: readonly string[];
  readonly trustedProxies: readonly string[];
}

/** A coordinator of the farm, not yet started. */
export interface FarmCoordinator {
  readonly child: Child;
  /** Its addresses, once it is ready. */
  addresses(): Promise<{ readonly http: string; readonly grpc: string }>;
}

const CoordinatorFactsSchema = Type.Object({ http: Type.String(), grpc: Type.String() });

export function prepareCoordinator(folder: FarmFolder, plan: CoordinatorPlan): FarmCoordinator {
  let { httpPort, grpcPort } = plan;
  const name = `coordinator-${plan.number}`;
  const child = new Child({
    name,
    command: () => [
      ...plan.program,
      ...['coordinator', '--control-pipe'],
      ...['--http-port', String(httpPort), '--grpc-port', String(grpcPort)],
      ...['--artifacts', join(folder.directory, 'artifacts'), '--upstream', plan.upstream.url],
      ...(plan.allowDefaults ? ['--allow-defaults'] : []),
      ...plan.repositoryAllowList.flatMap((url) => ['--repository-allow-list', url]),
      ...plan.trustedProxies.flatMap((proxy) => ['--trusted-proxies', proxy]),
    ],
    env: {
      ...folder.env,
      [environmentName('nats')]: plan.natsUrl,
      [environmentName('redis')]: plan.redisUrl,
      [environmentName('farmKey')]: folder.credentials.farmKey,
      [environmentName('adminToken')]: folder.credentials.adminToken,
      [environmentName('apiKeys')]: plan.apiKeys.join(','),
    },
    tie: 'control-pipe',
    logPath: join(folder.directory, 'logs', `${name}.log`),
    heldDescriptor: folder.lockDescriptor,
    stopMs: STOP_MS,
    onEvent: folder.onEvent,
  });
  return {
    child,
    addresses: async () => {
      const facts = parseAs(CoordinatorFactsSchema, await child.ready, `ready line of ${name}`);
      httpPort = portOf(facts.http);
      grpcPort = portOf(`http://${facts.grpc}`);
      return facts;
    },
  };
}

export interface AgentPlan {
  readonly program: Program;
  /** From 1; the agent's id is `agent-<number>`. */
  readonly number: number;
  readonly slots: number;
  /** With the agents' user. */
  readonly natsUrl: string;
  readonly upstream: UpstreamChoice;
}

/** An agent of the farm, not yet started; its ready line says that it is connected. */
export function prepareAgent(folder: FarmFolder, plan: AgentPlan): Child {
  const name = `agent-${plan.number}`;
  return new Child({
    name,
    command: () => [
      ...plan.program,
      ...['agent', '--control-pipe', '--id', name, '--slots', String(plan.slots)],
      ...['--data', join(folder.directory, 'agents', name), '--drain-ms', String(AGENT_DRAIN_MS)],
      ...upstreamFlags(plan.upstream),
    ],
    env: { ...folder.env, [environmentName('nats')]: plan.natsUrl },
    tie: 'control-pipe',
    logPath: join(folder.directory, 'logs', `${name}.log`),
    heldDescriptor: folder.lockDescriptor,
    stopMs: AGENT_DRAIN_MS + STOP_MS,
    onEvent: folder.onEvent,
  });
}

/** Flags of an agent for an upstream. */
export function upstreamFlags(upstream: UpstreamChoice): string[] {
  return [
    ...['--upstream', upstream.url, ...upstream.keys.flatMap((key) => ['--upstream-key', key])],
    ...(upstream.diskReserve === undefined ? [] : ['--disk-reserve', upstream.diskReserve]),
  ];
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
