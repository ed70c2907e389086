import { join } from 'node:path';
import { FarmError } from '../../shared/errors.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import type { Child, ChildEvent } from './child.ts';
import { childEnvironment } from './child-environment.ts';
import { openCredentials } from './credentials.ts';
import { lockData } from './data-lock.ts';
import { type CoordinatorAddress, type FarmFacts, farmFacts } from './farm-facts.ts';
import { FarmPorts } from './ports.ts';
import { waitForHttp } from './probe.ts';
import { type Program, prepareAgent, prepareCoordinator, type UpstreamChoice } from './programs.ts';
import { type FarmFolder, type FarmServer, natsUrl, prepareNats, prepareRedis } from './servers.ts';
import { openUpstream } from './upstream.ts';

/** Longest time for a farm to start, milliseconds; reading a large store takes a while. */
const START_MS = 120_000;

export interface FarmOptions {
  /** Data folder, absolute; made when there is none. A farm started on it again goes on where it stopped. */
  readonly directory: string;
  /** Of the first coordinator; each further one listens one port higher. 0 takes free ones. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly coordinators: number;
  readonly agents: number;
  /** Of each agent. */
  readonly slots: number;
  /** URL of an OpenWrt mirror, or `mini`; see `openUpstream`. */
  readonly upstream: string;
  /** Files of further usign public keys that may sign upstream's sha256sums. */
  readonly upstreamKey: readonly string[];
  readonly allowDefaults: boolean;
  readonly repositoryAllowList: readonly string[];
  readonly apiKeys: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly program: Program;
  /** What children inherit; wrtfarm's own variables are left out, as each child is told its settings. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: ChildEvent) => void;
}

export interface FarmSignals {
  /** Gives up on a start. */
  readonly stop: AbortSignal;
  /** Kills every process of the farm at once. */
  readonly kill: AbortSignal;
}

/** A farm on this machine. Closing it stops agents, coordinators, NATS and Redis, in this order. */
export interface Farm extends AsyncDisposable {
  readonly facts: FarmFacts;
}

/**
 * Starts a whole farm: its private NATS and Redis, coordinators and agents, each its own process, started again when it dies.
 * Resolves when every coordinator serves and every agent is connected.
 * @throws FarmError `conflict` when the folder is in use, `unavailable` when a part does not start, `cancelled` when told
 *   to stop; nothing is left running.
 */
export async function startFarm(options: FarmOptions, signals: FarmSignals): Promise<Farm> {
  const start = new FarmStart(options, signals);
  try {
    const facts = await start.run();
    return { facts, [Symbol.asyncDispose]: async () => await start.close() };
  } catch (thrown) {
    await start.close();
    if (signals.stop.aborted) throw new FarmError('cancelled', 'stopped while starting');
    if (thrown instanceof Error && thrown.name === 'TimeoutError') {
      const logs = join(options.directory, 'logs');
      throw new FarmError('unavailable', `the farm was not ready after ${START_MS / 1000} s; see ${logs}`);
    }
    throw thrown;
  }
}

/** One start of a farm, step by step, and all it opened. */
class FarmStart {
  readonly #options: FarmOptions;
  readonly #disposers = new Disposers();
  readonly #children: Child[] = [];
  /** Aborted when the start is to be given up. */
  readonly #giveUp: AbortSignal;

  constructor(options: FarmOptions, signals: FarmSignals) {
    this.#options = options;
    this.#giveUp = AbortSignal.any([signals.stop, AbortSignal.timeout(START_MS)]);
    signals.kill.addEventListener('abort', () => {
      for (const child of this.#children) child.kill();
    });
  }

  async run(): Promise<FarmFacts> {
    const { directory, program } = this.#options;
    const folder = await this.#openFolder();
    const upstream = await openUpstream(this.#options.upstream, this.#options.upstreamKey, folder);
    this.#disposers.use('upstream', upstream);
    const servers = await this.#openServers(folder);
    const coordinators = await this.#openCoordinators(folder, servers, upstream);
    const agentNatsUrl = natsUrl(folder.credentials.nats.agent, Number(new URL(servers.natsUrl).port));
    await this.#openAgents(folder, agentNatsUrl, upstream);
    const children = this.#children;
    return farmFacts({ directory, program, upstream, ...servers, agentNatsUrl, coordinators, children });
  }

  async close(): Promise<void> {
    await this.#disposers[Symbol.asyncDispose]();
  }

  async #openFolder(): Promise<FarmFolder> {
    const { directory, env, onEvent } = this.#options;
    const lock = await lockData(directory, this.#giveUp);
    this.#disposers.add('lock', () => lock[Symbol.dispose]());
    return {
      directory,
      credentials: openCredentials(directory),
      ports: FarmPorts.open(directory),
      lockDescriptor: lock.descriptor,
      env: childEnvironment(env),
      onEvent,
    };
  }

  async #openServers(folder: FarmFolder): Promise<{ readonly natsUrl: string; readonly redisUrl: string }> {
    const redis = await prepareRedis(folder);
    const nats = await prepareNats(folder);
    this.#start('redis', [redis.child]);
    this.#start('nats', [nats.child]);
    await Promise.all([redis, nats].map(async (server) => await this.#answers(server)));
    return { natsUrl: nats.url, redisUrl: redis.url };
  }

  async #openCoordinators(
    folder: FarmFolder,
    servers: { readonly natsUrl: string; readonly redisUrl: string },
    upstream: UpstreamChoice,
  ): Promise<readonly (CoordinatorAddress & { readonly name: string; readonly pid: number })[]> {
    const { program, httpPort, grpcPort, allowDefaults, repositoryAllowList } = this.#options;
    const { apiKeys, trustedProxies } = this.#options;
    const coordinators = upTo(this.#options.coordinators).map((number) =>
      prepareCoordinator(folder, {
        program,
        upstream,
        allowDefaults,
        repositoryAllowList,
        apiKeys,
        trustedProxies,
        ...servers,
        number,
        httpPort: httpPort === 0 ? 0 : httpPort + number - 1,
        grpcPort: grpcPort === 0 ? 0 : grpcPort + number - 1,
      }),
    );
    this.#start(
      'coordinators',
      coordinators.map(({ child }) => child),
    );
    return await Promise.all(
      coordinators.map(async ({ child, addresses }) => {
        const { http, grpc } = await unlessAborted(addresses(), this.#giveUp);
        await waitForHttp(`${http}/readyz`, this.#giveUp);
        return { http, grpc, name: child.name, pid: child.pid };
      }),
    );
  }

  async #openAgents(folder: FarmFolder, agentNatsUrl: string, upstream: UpstreamChoice): Promise<void> {
    const { program, slots } = this.#options;
    const agents = upTo(this.#options.agents).map((number) =>
      prepareAgent(folder, { program, upstream, number, slots, natsUrl: agentNatsUrl }),
    );
    this.#start('agents', agents);
    await Promise.all(agents.map(async (agent) => await unlessAborted(agent.ready, this.#giveUp)));
  }

  /** Starts children that are stopped together. */
  #start(what: string, children: readonly Child[]): void {
    this.#giveUp.throwIfAborted();
    this.#children.push(...children);
    this.#disposers.add(what, async () => {
      await Promise.all(children.map(async (child) => await child[Symbol.asyncDispose]()));
    });
    for (const child of children) child.start();
  }

  /** Resolves once a server answers, rejects when it ends before. */
  async #answers({ child, answers }: FarmServer): Promise<void> {
    const ended = new AbortController();
    child.ready.catch(() => ended.abort());
    try {
      await answers(AbortSignal.any([this.#giveUp, ended.signal]));
    } catch (thrown) {
      if (ended.signal.aborted) await child.ready;
      throw thrown;
    }
    child.markReady();
  }
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** What the promise gives, or the signal's reason when it is aborted first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([promise, abort]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
