import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { systemClock } from '../shared/clock.ts';
import { FarmError } from '../shared/errors.ts';
import { freeDiskBytes } from '../shared/free-disk.ts';
import { Disposers } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { inboxPrefix } from '../shared/messages/subjects.ts';
import { connectNats } from '../shared/nats-connection.ts';
import { packageVersion } from '../shared/package-root.ts';
import { NO_PROXIES, type ProxySettings, proxyVariables } from '../shared/proxies.ts';
import { Attempts } from './attempts/attempts.ts';
import { runAttempt } from './build/run-attempt.ts';
import { openBuilderCache } from './builders/builder-cache.ts';
import { openDownloader } from './builders/downloader.ts';
import { loadUpstreamKeys } from './builders/upstream-keys.ts';
import { Warming } from './builders/warming.ts';
import type { AgentConfig } from './config.ts';
import { Intake } from './pull/intake.ts';
import { PullLoop } from './pull/pull-loop.ts';
import { readHost } from './pull/read-host.ts';
import { openSandbox } from './sandbox/open-sandbox.ts';
import { ArtifactUpload } from './upload/artifact-upload.ts';
import { CoordinatorPool } from './upload/coordinator-pool.ts';

/** An agent at work. Disposing lets its builds finish for `drainMs`, gives the others back, and closes all it opened. */
export interface RunningAgent extends AsyncDisposable {
  /** Settles when the agent ended by itself; rejects with why. */
  readonly stopped: Promise<void>;
}

/** A connection to upstream that brings no byte for so long has failed, milliseconds. */
const DOWNLOAD_IDLE_MS = 60_000;

/** Opens an agent, in the order its parts need each other. Throws, with nothing left open, when one cannot be opened. */
export async function startAgent(
  config: AgentConfig,
  { log, proxies = NO_PROXIES }: { readonly log: Log; readonly proxies?: ProxySettings },
): Promise<RunningAgent> {
  if (process.arch !== 'x64') {
    throw new FarmError(
      'failed_precondition',
      `ImageBuilders are made for x86-64; this machine is ${process.arch} and cannot run them`,
    );
  }
  const opened = new Disposers();
  try {
    return await open(config, { log, proxies, opened });
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function open(
  config: AgentConfig,
  {
    log,
    proxies,
    opened,
  }: { readonly log: Log; readonly proxies: ProxySettings; readonly opened: Disposers },
): Promise<RunningAgent> {
  const clock = systemClock;
  // A real ImageBuilder refuses to work under any other.
  process.umask(0o022);
  const logDirectory = join(config.data, 'logs');
  await rm(logDirectory, { recursive: true, force: true });
  await mkdir(logDirectory, { recursive: true });

  const addedKeys = await loadUpstreamKeys(config.upstreamKey);
  const sandbox = await openSandbox(
    { log },
    { directory: join(config.data, 'attempts'), environment: proxyVariables(proxies) },
  );
  const downloader = opened.use('downloader', openDownloader({ proxies, idleTimeoutMs: DOWNLOAD_IDLE_MS }));
  const builders = opened.use(
    'builder cache',
    await openBuilderCache(
      { downloader, sandbox, clock, log, freeDiskBytes, onRemoved: () => loop.changed() },
      {
        directory: join(config.data, 'builders'),
        upstream: config.upstream,
        addedKeys,
        disk: config.disk,
      },
    ),
  );
  const connection = await connectNats({
    url: config.nats,
    name: `wrtfarm agent ${config.id}`,
    inboxPrefix: inboxPrefix(config.id),
    clock,
  });
  opened.add('NATS', async () => {
    await connection.close();
  });
  const stopping = new AbortController();
  const pool = opened.use(
    'coordinators',
    // The answer to a pull names those that live.
    new CoordinatorPool({ fixed: config.grpc, onFailure: () => loop.changed() }),
  );
  const warming = new Warming({ builders, log, accepts: config.accepts }, () => loop.changed());
  const attempts = new Attempts(
    {
      builders,
      pool,
      uploads: new ArtifactUpload({ pool, clock, log }),
      clock,
      log,
      logDirectory,
      runBuild: (builder, grant, watch) =>
        runAttempt(
          { builder, spec: grant.spec, sandbox, upstream: config.upstream },
          { ...watch, buildTimeoutMs: config.buildTimeoutMs, maxLogBytes: config.maxLogBytes },
        ),
    },
    () => loop.changed(),
  );
  const intake = new Intake({ readHost: async () => await readHost(config.data), clock, log }, config.intake);
  let isDraining = false;
  const loop: PullLoop = new PullLoop(
    {
      connection,
      clock,
      log,
      intake,
      facts: {
        attempts: () => attempts.leases(),
        warm: () => builders.warm(),
        warming: () => builders.warming(),
        takeWarmFailures: () => warming.takeFailures(),
        diskBudgetBytes: (diskFreeBytes) => builders.diskBudgetBytes(diskFreeBytes),
        isDraining: () => isDraining,
      },
      duties: {
        start: (grant) => attempts.start(grant),
        warm: (source, evictable) => warming.begin(source, evictable),
        shrink: (evictable) => warming.shrink(evictable),
        cancel: (ids) => attempts.cancel(ids),
        useCoordinators: (addresses) => pool.update(addresses),
      },
    },
    {
      agentId: config.id,
      slots: config.slots,
      ...(config.accepts ? { accepts: config.accepts } : {}),
      software: packageVersion(),
      arch: process.arch,
    },
  );
  const looping = Promise.all([loop.run(stopping.signal), intake.run(stopping.signal, () => loop.changed())]);
  opened.add('pull loop', async () => {
    stopping.abort();
    await looping;
    await loop.sayGoodbye();
  });
  opened.use('warming', warming);
  opened.add('attempts', async () => {
    isDraining = true;
    loop.changed();
    await attempts.drain(AbortSignal.timeout(config.drainMs));
  });
  // A pull that was under way when the server went away is lost, on either side.
  pullAgain(connection, loop).catch(() => undefined);
  const stopped = connection.closed().then((reason) => {
    if (reason) throw reason;
  });
  // Whoever runs the agent looks at it; nobody has to.
  stopped.catch(() => undefined);
  log.info(
    { slots: config.slots, upstream: config.upstream, sandbox: sandbox.description },
    'agent is ready',
  );
  return {
    stopped,
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
    },
  };
}

async function pullAgain(connection: NatsConnection, loop: PullLoop): Promise<void> {
  for await (const status of connection.status()) if (status.type === 'reconnect') loop.changed();
}
