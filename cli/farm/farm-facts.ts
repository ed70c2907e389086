import { credentialsPath } from './credentials.ts';
import { type Program, type UpstreamChoice, upstreamFlags } from './programs.ts';

export interface CoordinatorAddress {
  /** `http://127.0.0.1:8080` */
  readonly http: string;
  /** `127.0.0.1:8081` */
  readonly grpc: string;
}

/** What a running farm says of itself; `up --json` prints it. */
export interface FarmFacts extends CoordinatorAddress {
  /** Without user and password, which stand in the credentials file. */
  readonly nats: string;
  readonly redis: string;
  readonly upstream: string;
  /** The data folder. */
  readonly data: string;
  readonly coordinators: readonly (CoordinatorAddress & { readonly pid: number })[];
  /** By name of the process. */
  readonly pids: Readonly<Record<string, number>>;
  /** Path of the file with the farm's secrets. */
  readonly credentials: string;
  /** Argument vector that lends a further agent; NAME stands for its id. Holds the agents' password. */
  readonly agentCommand: readonly string[];
}

/** A started process, as the facts tell of it. */
interface Named {
  readonly name: string;
  readonly pid: number;
}

export interface StartedParts {
  readonly directory: string;
  readonly program: Program;
  readonly upstream: UpstreamChoice;
  readonly natsUrl: string;
  readonly agentNatsUrl: string;
  readonly redisUrl: string;
  readonly coordinators: readonly (CoordinatorAddress & Named)[];
  readonly children: readonly Named[];
}

export function farmFacts(parts: StartedParts): FarmFacts {
  return {
    http: parts.coordinators[0]?.http ?? '',
    grpc: parts.coordinators[0]?.grpc ?? '',
    nats: withoutUser(parts.natsUrl),
    redis: withoutUser(parts.redisUrl),
    upstream: parts.upstream.url,
    data: parts.directory,
    coordinators: parts.coordinators.map(({ http, grpc, pid }) => ({ http, grpc, pid })),
    pids: Object.fromEntries(parts.children.map(({ name, pid }) => [name, pid])),
    credentials: credentialsPath(parts.directory),
    agentCommand: [
      ...parts.program,
      ...['agent', '--id', 'NAME', '--nats', parts.agentNatsUrl],
      ...upstreamFlags(parts.upstream),
    ],
  };
}

function withoutUser(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}
