import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { childEnvironment } from '../../../cli/farm/child-environment.ts';
import { openCredentials } from '../../../cli/farm/credentials.ts';
import { natsConfig } from '../../../cli/farm/nats-config.ts';
import { waitForHttp, waitForNats, waitForRedis } from '../../../cli/farm/probe.ts';
import { redisConfig } from '../../../cli/farm/redis-config.ts';
import { natsUrl } from '../../../cli/farm/servers.ts';
import { environmentName } from '../../../shared/env.ts';
import { Disposers } from '../../../shared/lifecycle.ts';
import { assetPath } from '../../../shared/package-root.ts';
import { freePort } from '../../support/servers/start-redis.ts';
import { startS3, type TestS3 } from '../../support/servers/start-s3.ts';
import { type SlowProxy, startSlowProxy } from '../../support/slow-proxy.ts';
import { startMiniUpstream } from '../../support/upstream/start-mini-upstream.ts';
import { type ArtifactDisk, openArtifactDisk } from './artifact-disk.ts';
import { ManagedProcess } from './managed-process.ts';
import { LEDGER_UPSTREAM } from './requests.ts';
import { BucketResults } from './results/bucket-results.ts';
import { FolderResults } from './results/folder-results.ts';
import type { Results } from './results/results.ts';

const START_MS = 60_000;
/** Longer than any run, milliseconds. */
const KEEP_MS = 24 * 60 * 60_000;

export interface FarmSize {
  readonly coordinators: number;
  readonly agents: number;
  readonly slots: number;
  /** Where results are kept. */
  readonly place: 'bucket' | 'folder';
  /** What the artifact store may hold, bytes. */
  readonly artifactBytes: number;
}

export interface LedgerCoordinator {
  readonly process: ManagedProcess;
  readonly httpUrl: string;
  readonly grpcPort: number;
  readonly clockPath: string;
  /** The line under which it is told to agents. */
  readonly line: SlowProxy;
}

export interface LedgerAgent {
  readonly id: string;
  readonly process: ManagedProcess;
  readonly clockPath: string;
  readonly data: string;
  readonly natsLine: SlowProxy;
  /** Its own lines to the coordinators; none for an agent that goes where the farm sends it. */
  readonly grpcLines: readonly SlowProxy[];
}

/** A farm of separate processes, each of which may be hurt, with lines that may be cut. Disposing ends all of it. */
export interface LedgerFarm extends AsyncDisposable {
  readonly folder: string;
  readonly nats: ManagedProcess;
  readonly redis: ManagedProcess;
  readonly coordinators: readonly LedgerCoordinator[];
  readonly agents: readonly LedgerAgent[];
  readonly disk: ArtifactDisk;
  readonly results: Results;
  /** The one they are in, if they are in one. */
  readonly bucket: TestS3 | undefined;
  /** With the rights of a coordinator. */
  readonly natsUrl: string;
  readonly redisUrl: string;
  readonly adminToken: string;
  /** Folders of what the servers keep, to be wiped while they are down. */
  readonly jetstreamFolder: string;
  readonly redisFolder: string;
  processes(): readonly ManagedProcess[];
}

/** Starts a farm below `folder`, which must not be there. */
export async function startLedgerFarm(folder: string, size: FarmSize): Promise<LedgerFarm> {
  const opened = new Disposers();
  try {
    return await new FarmStart(folder, size, opened).run();
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}

class FarmStart {
  readonly #folder: string;
  readonly #size: FarmSize;
  readonly #opened: Disposers;

  constructor(folder: string, size: FarmSize, opened: Disposers) {
    this.#folder = folder;
    this.#size = size;
    this.#opened = opened;
  }

  async run(): Promise<LedgerFarm> {
    for (const name of ['logs', 'tmp', 'nats', 'redis', 'clocks']) {
      await mkdir(join(this.#folder, name), { recursive: true });
    }
    const disk = await openArtifactDisk(join(this.#folder, 'artifacts'), this.#size.artifactBytes);
    this.#opened.use('artifact disk', disk);
    const bucket = this.#size.place === 'bucket' ? this.#opened.use('bucket', await startS3()) : undefined;
    const results = bucket ? new BucketResults(bucket, disk.folder) : new FolderResults(disk.folder);
    const directory = join(this.#folder, 'upstream');
    const upstream = await startMiniUpstream({ directory, ...LEDGER_UPSTREAM, imageBuilder: 'light' });
    this.#opened.use('upstream', upstream);
    const credentials = openCredentials(this.#folder);
    const servers = await this.#servers(credentials);
    const settings = {
      upstream: upstream.url,
      farmKey: randomBytes(32).toString('hex'),
      adminToken: credentials.adminToken,
      nats: servers.natsUrl,
      redis: servers.redisUrl,
      ...results.settings,
    };
    await Promise.all([servers.redis.start(), servers.nats.start()]);
    const coordinators = await this.#coordinators(settings);
    await Promise.all(coordinators.map(({ process }) => process.start()));
    const natsPort = Number(new URL(servers.natsUrl).port);
    const agents = await this.#agents(coordinators, (line) => ({
      nats: natsUrl(credentials.nats.agent, line),
      natsPort,
      upstream: upstream.url,
      upstreamKey: upstream.publicKeyPath,
    }));
    await Promise.all(agents.map(({ process }) => process.start()));
    return {
      folder: this.#folder,
      ...servers,
      coordinators,
      agents,
      disk,
      results,
      bucket,
      adminToken: credentials.adminToken,
      processes: () => [
        servers.redis,
        servers.nats,
        ...coordinators.map(({ process }) => process),
        ...agents.map(({ process }) => process),
      ],
      [Symbol.asyncDispose]: () => this.#opened[Symbol.asyncDispose](),
    };
  }

  async #servers(credentials: ReturnType<typeof openCredentials>) {
    const jetstreamFolder = join(this.#folder, 'nats', 'jetstream');
    const redisFolder = join(this.#folder, 'redis', 'appendonlydir');
    const [natsPort, redisPort] = [await freePort(), await freePort()];
    const url = natsUrl(credentials.nats.coordinator, natsPort);
    const redisUrl = `redis://:${credentials.redis.password}@127.0.0.1:${redisPort}`;
    const natsConf = join(this.#folder, 'nats', 'nats.conf');
    const redisConf = join(this.#folder, 'redis', 'redis.conf');
    await writeFile(
      natsConf,
      natsConfig({
        port: natsPort,
        storeDirectory: join(this.#folder, 'nats'),
        users: credentials.nats,
      }),
    );
    await writeFile(
      redisConf,
      redisConfig({
        port: redisPort,
        directory: join(this.#folder, 'redis'),
        password: credentials.redis.password,
      }),
    );
    const nats = this.#process('nats', ['nats-server', '--config', natsConf], {}, () =>
      waitForNats(url, AbortSignal.timeout(START_MS)),
    );
    const redis = this.#process('redis', ['redis-server', redisConf], {}, () =>
      waitForRedis(redisUrl, AbortSignal.timeout(START_MS)),
    );
    return { nats, redis, natsUrl: url, redisUrl, jetstreamFolder, redisFolder };
  }

  async #coordinators(settings: Readonly<Record<string, string>>): Promise<readonly LedgerCoordinator[]> {
    const made: LedgerCoordinator[] = [];
    for (let number = 1; number <= this.#size.coordinators; number += 1) {
      const [httpPort, grpcPort] = [await freePort(), await freePort()];
      const line = this.#opened.use('line', await startSlowProxy({ target: () => `127.0.0.1:${grpcPort}` }));
      const httpUrl = `http://127.0.0.1:${httpPort}`;
      const name = `coordinator-${number}`;
      const { process, clockPath } = this.#program(name, 'coordinator', {
        ...settings,
        httpPort: String(httpPort),
        grpcPort: String(grpcPort),
        grpcAdvertise: `127.0.0.1:${line.port}`,
        // With a bucket it is where uploads come in, each coordinator's own.
        artifacts: join(this.#folder, 'artifacts', ...(this.#size.place === 'bucket' ? [name] : [])),
        allowDefaults: 'true',
        // A result that expires during the run is rightly forgotten.
        keepWithDefaultsMs: String(KEEP_MS),
        keepFailedMs: String(KEEP_MS),
      });
      made.push({ process, clockPath, httpUrl, grpcPort, line });
    }
    return made;
  }

  async #agents(
    coordinators: readonly LedgerCoordinator[],
    settingsOf: (natsLinePort: number) => {
      readonly nats: string;
      readonly natsPort: number;
      readonly upstream: string;
      readonly upstreamKey: string;
    },
  ): Promise<readonly LedgerAgent[]> {
    const made: LedgerAgent[] = [];
    for (let number = 1; number <= this.#size.agents; number += 1) {
      const { natsPort } = settingsOf(0);
      const natsLine = this.#opened.use(
        'line',
        await startSlowProxy({ target: () => `127.0.0.1:${natsPort}` }),
      );
      const { nats, upstream, upstreamKey } = settingsOf(natsLine.port);
      const grpcLines: SlowProxy[] = [];
      // Half of them over lines of their own, half as the farm tells them.
      for (const { grpcPort } of number % 2 === 1 ? coordinators : []) {
        grpcLines.push(
          this.#opened.use('line', await startSlowProxy({ target: () => `127.0.0.1:${grpcPort}` })),
        );
      }
      const id = `agent-${number}`;
      const data = join(this.#folder, 'agents', id);
      const { process, clockPath } = this.#program(id, 'agent', {
        id,
        nats,
        upstream,
        upstreamKey,
        data,
        slots: String(this.#size.slots),
        diskReserve: '64M',
        drainMs: '2000',
        ...(grpcLines.length > 0 ? { grpc: grpcLines.map(({ port }) => `127.0.0.1:${port}`).join(',') } : {}),
      });
      made.push({ id, process, clockPath, data, natsLine, grpcLines });
    }
    return made;
  }

  /** One of wrtfarm's own programs, whose clock can be set. */
  #program(name: string, command: string, settings: Readonly<Record<string, string>>) {
    const clockPath = join(this.#folder, 'clocks', name);
    const preload = pathToFileURL(assetPath('dist/test/faults/ledger/clock-shift.js')).href;
    const process = this.#process(
      name,
      [globalThis.process.execPath, '--import', preload, assetPath('dist/cli/main.js'), command],
      {
        LEDGER_CLOCK: clockPath,
        ...Object.fromEntries(
          Object.entries(settings).map(([setting, value]) => [environmentName(setting), value]),
        ),
      },
      (readyLine) => readyLine,
    );
    return { process, clockPath };
  }

  #process(
    name: string,
    command: readonly [string, ...string[]],
    env: Readonly<Record<string, string>>,
    answers: (readyLine: Promise<unknown>) => Promise<unknown>,
  ): ManagedProcess {
    return this.#opened.use(
      name,
      new ManagedProcess({
        name,
        command,
        env: { ...childEnvironment(process.env), TMPDIR: join(this.#folder, 'tmp'), ...env },
        logPath: join(this.#folder, 'logs', `${name}.log`),
        answers,
      }),
    );
  }
}

/** Resolves once every coordinator says that it is ready. */
export async function allReady(farm: LedgerFarm, withinMs: number): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  await Promise.all(farm.coordinators.map(({ httpUrl }) => waitForHttp(`${httpUrl}/readyz`, signal)));
}
