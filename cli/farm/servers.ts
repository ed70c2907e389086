import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, type ChildEvent } from './child.ts';
import type { Credentials } from './credentials.ts';
import { natsConfig } from './nats-config.ts';
import type { FarmPorts } from './ports.ts';
import { waitForNats, waitForRedis } from './probe.ts';
import { redisConfig } from './redis-config.ts';

/** Longest time that a server may take to write what it holds and end, milliseconds. */
const STOP_MS = 10_000;

/** What every process of a farm is given. */
export interface FarmFolder {
  /** The data folder, absolute. */
  readonly directory: string;
  readonly credentials: Credentials;
  readonly ports: FarmPorts;
  /** See `DataLock`. */
  readonly lockDescriptor: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: ChildEvent) => void;
}

/** A server of the farm's own, not yet started. */
export interface FarmServer {
  readonly child: Child;
  /** With the coordinators' user and password. */
  readonly url: string;
  /** Resolves once it answers. */
  answers(signal: AbortSignal): Promise<void>;
}

/** A private nats-server whose streams are kept in the data folder. */
export async function prepareNats(folder: FarmFolder): Promise<FarmServer> {
  const port = await folder.ports.take('nats');
  const storeDirectory = join(folder.directory, 'nats');
  const configPath = join(storeDirectory, 'nats.conf');
  mkdirSync(storeDirectory, { recursive: true });
  const users = folder.credentials.nats;
  writeFileSync(configPath, natsConfig({ port, storeDirectory, users }), { mode: 0o600 });
  const url = natsUrl(users.coordinator, port);
  return {
    child: serverChild(folder, 'nats', ['nats-server', '--config', configPath]),
    url,
    answers: async (signal) => await waitForNats(url, signal),
  };
}

/** A private redis-server whose append-only file is kept in the data folder. */
export async function prepareRedis(folder: FarmFolder): Promise<FarmServer> {
  const port = await folder.ports.take('redis');
  const directory = join(folder.directory, 'redis');
  const configPath = join(directory, 'redis.conf');
  mkdirSync(directory, { recursive: true });
  const { password } = folder.credentials.redis;
  writeFileSync(configPath, redisConfig({ port, directory, password }), { mode: 0o600 });
  const url = `redis://:${password}@127.0.0.1:${port}`;
  return {
    child: serverChild(folder, 'redis', ['redis-server', configPath]),
    url,
    answers: async (signal) => await waitForRedis(url, signal),
  };
}

/** URL of a NATS server for one of its users. */
export function natsUrl(user: { readonly user: string; readonly password: string }, port: number): string {
  return `nats://${user.user}:${user.password}@127.0.0.1:${port}`;
}

/** The kernel ends the server with the thread that started it (PR_SET_PDEATHSIG, prctl(2)), however that ends. */
function serverChild(folder: FarmFolder, name: string, command: readonly string[]): Child {
  return new Child({
    name,
    command: () => ['setpriv', '--pdeathsig', 'TERM', '--', ...command],
    env: folder.env,
    tie: 'none',
    logPath: join(folder.directory, 'logs', `${name}.log`),
    heldDescriptor: folder.lockDescriptor,
    stopMs: STOP_MS,
    onEvent: folder.onEvent,
  });
}
