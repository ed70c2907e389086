import { randomBytes } from 'node:crypto';
import { systemClock } from '../shared/clock.ts';
import { leaseTimes } from '../shared/domain/lease.ts';
import { FarmError, messageOf } from '../shared/errors.ts';
import { Disposers, runLoop } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { connectNats } from '../shared/nats-connection.ts';
import { packageVersion } from '../shared/package-root.ts';
import { AgentRegistry } from './agents/agent-registry.ts';
import { ANNOUNCE_MS, CoordinatorRegistry } from './agents/coordinator-registry.ts';
import { DirectoryStore } from './artifacts/directory-store.ts';
import { Broker } from './broker/broker.ts';
import { WarmPlanner } from './broker/warm-planner.ts';
import { AttemptEnds } from './builds/attempt-ends.ts';
import { AttemptStore } from './builds/attempt-store.ts';
import { BuildLog } from './builds/build-log.ts';
import { BuildService } from './builds/build-service.ts';
import { BuildStore } from './builds/build-store.ts';
import { FinalCommit } from './builds/final-commit.ts';
import { JobQueue } from './builds/job-queue.ts';
import { RedisScripts } from './builds/redis-scripts.ts';
import { WaitingQueue } from './builds/waiting-queue.ts';
import { Watch } from './builds/watch.ts';
import { createCatalog } from './catalog/catalog.ts';
import { resolveRequest } from './catalog/resolve-request.ts';
import type { CoordinatorConfig } from './config.ts';
import { buildLogRoutes } from './http/routes/build-log.ts';
import { startHttpServer } from './http/server.ts';
import { Keeper } from './keeper/keeper.ts';
import { KeeperLock } from './keeper/keeper-lock.ts';
import { createMetrics } from './metrics.ts';
import { checkReadiness } from './readiness.ts';
import { connectRedis } from './redis.ts';
import { ArtifactUpload } from './rpc/artifact-upload.ts';
import { startGrpcServer } from './rpc/grpc-server.ts';

/** How long a keeper that says nothing keeps its lock, milliseconds. */
const KEEPER_LOCK_MS = 2_000;

/** A coordinator at work. Disposing stops taking work, lets requests under way finish, and closes all it opened. */
export interface RunningCoordinator extends AsyncDisposable {
  readonly httpUrl: string;
  /** `host:port` agents use. */
  readonly grpcAddress: string;
}

/** Opens a coordinator, in the order its parts need each other. Throws, with nothing left open, when one cannot be opened. */
export async function startCoordinator(
  config: CoordinatorConfig,
  { log }: { readonly log: Log },
): Promise<RunningCoordinator> {
  const opened = new Disposers();
  try {
    return await open(config, log, opened);
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function open(config: CoordinatorConfig, log: Log, opened: Disposers): Promise<RunningCoordinator> {
  const clock = systemClock;
  const id = randomBytes(8).toString('hex');
  const farmKey = Buffer.from(config.farmKey, 'hex');
  const times = leaseTimes(config.leaseMs);

  const redis = await connectRedis(config.redis, log);
  opened.add('Redis', () => redis.disconnect());
  const connection = await connectNats({
    url: config.nats,
    name: `wrtfarm coordinator ${id}`,
    inboxPrefix: '_INBOX_coordinator',
    clock,
  });
  opened.add('NATS', async () => {
    await connection.close();
  });
  const queue = new JobQueue(connection);
  await queue.ensureStreams();

  const catalog = opened.use(
    'catalog',
    createCatalog(
      { clock, log },
      {
        upstream: config.upstream,
        freshMs: config.catalogFreshMs,
        version: packageVersion(),
        contact: config.contact,
        allowDefaults: config.allowDefaults,
        repositoryAllowList: config.repositoryAllowList,
        publicUpstream: config.publicUpstream ?? config.upstream,
      },
    ),
  );
  const artifacts = new DirectoryStore(config.artifacts);
  const scripts = new RedisScripts(redis);
  const builds = new BuildStore(redis, scripts);
  const attempts = new AttemptStore(redis, scripts, times);
  const waiting = new WaitingQueue(redis, scripts);
  const agents = new AgentRegistry(redis, scripts);
  const watch = new Watch(connection);
  const metrics = createMetrics({
    waitingSets: () => waiting.waitingSets(),
    oldestWaitMs: () => waiting.oldestWaitMs(),
    agents: () => agents.list(),
    parkedPulls: () => broker.parkedCount,
    isCatalogStale: () => catalog.isStale(),
  });
  const commit = new FinalCommit({ builds, artifacts, queue, watch, log, onFinished: metrics.buildFinished });
  const ends = new AttemptEnds({
    builds,
    attempts,
    artifacts,
    commit,
    queue,
    watch,
    log,
    otherAgents: async (agentId) => {
      const all = await agents.list();
      return all.filter(({ pull, isSuspect }) => pull.agentId !== agentId && !pull.draining && !isSuspect)
        .length;
    },
    onLost: metrics.attemptLost,
    onSilent: (agentId) => agents.markSuspect(agentId),
  });
  const service = new BuildService({
    builds,
    waiting,
    artifacts,
    queue,
    clock,
    log,
    maxQueued: config.maxQueued,
    onRequest: metrics.requestAccepted,
  });
  const upload = new ArtifactUpload({ attempts, staged: artifacts, farmKey });
  const grpc = opened.use(
    'gRPC server',
    await startGrpcServer(
      { stream: { attempts, ends, watch, farmKey, log, onStage: metrics.stageEnded }, upload },
      { host: config.grpcHost, port: config.grpcPort },
    ),
  );
  const grpcAddress = config.grpcAdvertise ?? `${config.grpcHost}:${grpc.port}`;

  const coordinators = new CoordinatorRegistry(redis, id, grpcAddress);
  await coordinators.announce();
  opened.add('announcement', () => coordinators.withdraw());
  const stopping = new AbortController();
  const loops = [
    runLoop(
      async () => {
        await coordinators.announce();
        return ANNOUNCE_MS;
      },
      { signal: stopping.signal, clock, backoff: { minMs: 200, maxMs: ANNOUNCE_MS }, onError: logged(log) },
    ),
  ];
  const planner = new WarmPlanner({ builds, waiting, agents, commit, maxWarming: config.maxWarming, log });
  const broker = opened.use(
    'broker',
    new Broker({
      connection,
      builds,
      attempts,
      waiting,
      queue,
      ends,
      agents,
      coordinators,
      planner,
      farmKey,
      leaseMs: config.leaseMs,
      log,
      onStarted: metrics.attemptStarted,
    }),
  );
  broker.start();
  const lock = new KeeperLock(redis, id, KEEPER_LOCK_MS);
  const keeper = new Keeper({
    redis,
    connection,
    builds,
    attempts,
    waiting,
    service,
    commit,
    ends,
    queue,
    lock,
    clock,
    leaseMs: config.leaseMs,
    log,
  });
  loops.push(keeper.run(stopping.signal));
  const onStatus = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type !== 'reconnect') continue;
      queue.forgetKnown();
      await queue.ensureStreams().catch(logged(log));
    }
  };
  // Ends when the connection is closed.
  onStatus().catch(logged(log));
  opened.add('loops', async () => {
    stopping.abort();
    await Promise.all(loops);
  });

  const buildLog = new BuildLog({ get: (hash) => service.get(hash), attempts, files: artifacts, watch });
  const http = opened.use(
    'HTTP server',
    await startHttpServer(
      {
        catalog,
        resolve: (request) =>
          resolveRequest(
            {
              catalog,
              policy: {
                allowDefaults: config.allowDefaults,
                repositoryAllowList: config.repositoryAllowList,
              },
              log,
            },
            request,
          ),
        builds: service,
        files: artifacts,
        readiness: () => checkReadiness({ redis, connection, catalog }),
        metrics: metrics.registry,
        log,
        routes: [
          (app) =>
            buildLogRoutes(app, {
              read: (...args) => buildLog.read(...args),
              get: (hash) => service.get(hash),
            }),
        ],
      },
      { host: config.httpHost, port: config.httpPort },
    ).catch((cause: unknown) => {
      throw new FarmError(
        'unavailable',
        `the HTTP server cannot listen on ${config.httpHost}:${config.httpPort}: ${messageOf(cause)}`,
        { cause },
      );
    }),
  );
  log.info({ http: http.url, grpc: grpcAddress, upstream: config.upstream }, 'coordinator is ready');
  return {
    httpUrl: http.url,
    grpcAddress,
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
    },
  };
}

function logged(log: Log): (thrown: unknown) => void {
  return (thrown) => log.warn({ reason: messageOf(thrown) }, 'a background step failed');
}
