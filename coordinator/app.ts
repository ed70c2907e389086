import { randomBytes } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import { Disposers, runLoop } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { connectNats } from '../shared/nats-connection.ts';
import { NO_PROXIES, type ProxySettings } from '../shared/proxies.ts';
import { ANNOUNCE_MS, CoordinatorRegistry } from './agents/coordinator-registry.ts';
import { lookEveryMs } from './artifacts/retention-policy.ts';
import { Broker } from './broker/broker.ts';
import { WarmPlanner } from './broker/warm-planner.ts';
import { Replication } from './builds/replication.ts';
import { type FailingDocuments, failingText, sumOfFailing } from './catalog/failing-documents.ts';
import { RedisDocuments } from './catalog/redis-documents.ts';
import type { CoordinatorConfig } from './config.ts';
import { createBuilds } from './create-builds.ts';
import type { HttpDependencies } from './http/dependencies.ts';
import { Reposts } from './http/legacy/reposts.ts';
import { StoreAliases } from './http/legacy/store-aliases.ts';
import { Keeper } from './keeper/keeper.ts';
import { KeeperLock } from './keeper/keeper-lock.ts';
import { Retention } from './keeper/retention.ts';
import { followEveryMs, UpstreamFollower } from './keeper/upstream-follower.ts';
import { createMetrics } from './metrics/metrics.ts';
import { artifactDiskFree, openArtifacts } from './open-artifacts.ts';
import { openCatalog, openClientCatalog } from './open-catalog.ts';
import { openHttp } from './open-http.ts';
import { operationRoutes } from './operation-routes.ts';
import { JetStream } from './queue/jetstream.ts';
import { JobQueue } from './queue/job-queue.ts';
import { SecondCopies } from './queue/second-copies.ts';
import { checkReadiness } from './readiness.ts';
import { connectRedis } from './redis.ts';
import { RedisClock } from './redis-clock.ts';
import { ArtifactUpload } from './rpc/artifact-upload.ts';
import { startGrpcServer } from './rpc/grpc-server.ts';
import { fetchLimits } from './scheduling/warming-state.ts';
import { StatsReader } from './stats/stats-reader.ts';
import { StatsRecorder } from './stats/stats-recorder.ts';

/** How long a keeper that says nothing keeps its lock, milliseconds. */
const KEEPER_LOCK_MS = 2_000;

/** How old what metrics tell of the farm may be, milliseconds. */
const METRICS_MS = 1_000;

/** Longest time to take this coordinator off the list when it stops, milliseconds. */
const WITHDRAW_MS = 500;

/** A coordinator at work. Disposing stops taking work, lets requests under way finish, and closes all it opened. */
export interface RunningCoordinator extends AsyncDisposable {
  readonly httpUrl: string;
  /** `host:port` agents use. */
  readonly grpcAddress: string;
}

/** Opens a coordinator, in the order its parts need each other. Throws, with nothing left open, when one cannot be opened. */
export async function startCoordinator(
  config: CoordinatorConfig,
  { log, proxies = NO_PROXIES }: { readonly log: Log; readonly proxies?: ProxySettings },
): Promise<RunningCoordinator> {
  const opened = new Disposers();
  try {
    const running = await open(config, { log, proxies, opened });
    log.info({ ...running, upstream: config.upstream }, 'coordinator is ready');
    return {
      ...running,
      [Symbol.asyncDispose]: async () => {
        await opened[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function open(
  config: CoordinatorConfig,
  {
    log,
    proxies,
    opened,
  }: { readonly log: Log; readonly proxies: ProxySettings; readonly opened: Disposers },
): Promise<{ readonly httpUrl: string; readonly grpcAddress: string }> {
  const id = randomBytes(8).toString('hex');
  const farmKey = Buffer.from(config.farmKey, 'hex');
  const { leaseMs, catalogFreshMs: freshMs } = config;

  const redis = await connectRedis(config.redis, log);
  opened.add('Redis', () => redis.disconnect());
  const clock = await RedisClock.open(redis);
  openLoop('clock', (signal) => clock.run(signal), opened);
  const confirming = await connectRedis(config.redis, log);
  opened.add('Redis, for its replicas', async () => confirming.disconnect());
  const replication = new Replication(confirming, log);
  const connection = await openNats(config, id, opened);
  const jetstream = new JetStream(connection);
  const queue = new JobQueue(jetstream);
  const copies = new SecondCopies(jetstream);
  await queue.ensureStream();
  await copies.ensureStream();
  // Ends with the connection.
  followConnection({ jetstream, queue, copies }, log).catch(logged(log));

  const artifacts = await openArtifacts(config, { clock, log, opened });
  const metrics = createMetrics();
  const stats = new StatsRecorder({ redis, clock, log });
  openLoop('statistics', (signal) => stats.run(signal), opened);
  const parts = createBuilds(
    { redis, replication, connection, queue, copies, farmKey, artifacts, metrics, stats, clock, log },
    config,
  );
  const { builds, attempts, waiting, agents, watch, commit, ends } = parts;
  const documents = { clock, log, proxies, shared: new RedisDocuments(redis, log) };
  const catalog = opened.use('catalog', openCatalog(config, documents));
  const forClients = opened.use('client catalog', openClientCatalog(config, catalog, documents));
  const failing = (): FailingDocuments => sumOfFailing([catalog.failing(), forClients.failing()]);

  const stream = { attempts, ends, watch, farmKey, log, onStage: metrics.stageEnded };
  const upload = new ArtifactUpload({
    attempts,
    staged: artifacts,
    farmKey,
    clock,
    log,
    onFailure: metrics.uploadFailed,
  });
  const grpc = opened.use(
    'gRPC server',
    await startGrpcServer(
      { stream, upload },
      {
        host: config.grpcHost,
        port: config.grpcPort,
        maxConnections: config.maxConnections,
        maxStreams: config.maxStreams,
      },
    ),
  );
  const grpcAddress = config.grpcAdvertise ?? `${config.grpcHost}:${grpc.port}`;
  const coordinators = new CoordinatorRegistry(redis, id, grpcAddress);

  const planner = new WarmPlanner({
    ...{ builds, waiting, agents, commit, log },
    farm: parts.farm,
    limits: fetchLimits(config.maxWarming),
    lifetimes: config,
  });
  const broker = opened.use(
    'broker',
    new Broker({
      ...parts,
      connection,
      queue,
      coordinators,
      planner,
      farmKey,
      leaseMs,
      maxPulls: config.maxPulls,
      log,
      onStarted: metrics.attemptStarted,
    }),
  );
  broker.start();
  await openAnnouncement(coordinators, broker, log, opened);
  const retention = new Retention(
    { artifacts, builds, clock, log },
    { graceMs: config.storeGraceMs, maxBytes: config.storeMaxBytes },
  );
  const lock = new KeeperLock(redis, id, KEEPER_LOCK_MS);
  const keeper = new Keeper({
    ...parts,
    redis,
    connection,
    queue,
    copies,
    lock,
    follower: new UpstreamFollower({ ...parts, redis, catalog, builds, waiting, clock, log, freshMs }),
    followMs: followEveryMs(freshMs),
    staging: artifacts,
    retention,
    clearMs: lookEveryMs(
      [config.keepPlainMs, config.keepWithVersionsMs, config.keepWithDefaultsMs, config.keepFailedMs],
      config.storeGraceMs,
    ),
    clock,
    leaseMs,
    onRepair: metrics.repaired,
    log,
  });
  openLoop('keeper', (signal) => keeper.run(signal), opened);

  metrics.readFrom({
    farm: async () => (await parts.farm.within(METRICS_MS)).view,
    oldestWaitMs: () => waiting.oldestWaitMs(),
    parkedPulls: () => broker.parkedCount,
    isCatalogStale: () => failingText(failing()) !== undefined,
    artifactDiskFree: async () => await artifactDiskFree(config),
  });
  const readiness: HttpDependencies['readiness'] = () =>
    checkReadiness({ redis, connection, catalog: { failing } });
  const closing = new AbortController();
  const http = await openHttp(config, {
    parts,
    catalog,
    forClients,
    stats: new StatsReader({ redis, clock }),
    aliases: new StoreAliases(redis),
    reposts: new Reposts(redis),
    artifacts,
    clock,
    operation: operationRoutes(config, { parts, catalog, artifacts, queue, clock, log }),
    readiness,
    metrics: metrics.registry,
    log,
    onRefused: () => {
      metrics.requestRefused();
      stats.refused();
    },
    closing: closing.signal,
  });
  opened.add('HTTP server', async () => {
    closing.abort();
    await http[Symbol.asyncDispose]();
  });
  return { httpUrl: http.url, grpcAddress };
}

async function openNats(config: CoordinatorConfig, id: string, opened: Disposers): Promise<NatsConnection> {
  const connection = await connectNats({
    url: config.nats,
    name: `wrtfarm coordinator ${id}`,
    inboxPrefix: '_INBOX_coordinator',
    clock: systemClock,
  });
  opened.add('NATS', async () => {
    await connection.close();
  });
  return connection;
}

async function followConnection(
  { jetstream, queue, copies }: { jetstream: JetStream; queue: JobQueue; copies: SecondCopies },
  log: Log,
): Promise<void> {
  for await (const status of jetstream.connection.status()) {
    if (status.type === 'disconnect') jetstream.disconnected();
    if (status.type !== 'reconnect') continue;
    // Perhaps without what it held.
    jetstream.reconnected();
    queue.reconnected();
    await queue.ensureStream().catch(logged(log));
    await copies.ensureStream().catch(logged(log));
  }
}

/** Tells agents where this coordinator is, for as long as it lives. */
async function openAnnouncement(
  coordinators: CoordinatorRegistry,
  broker: Broker,
  log: Log,
  opened: Disposers,
): Promise<void> {
  const announce = async (): Promise<number> => {
    await coordinators.announce();
    if (await coordinators.look()) await broker.callAgents();
    return ANNOUNCE_MS;
  };
  await announce();
  // Pulls that were parked at a coordinator that died wait for nobody.
  await broker.callAgents();
  opened.add('announcement', async () => {
    // Redis may be away; the entry grows old by itself.
    await Promise.race([coordinators.withdraw(), systemClock.sleep(WITHDRAW_MS)]).catch(logged(log));
  });
  const backoff = { minMs: 200, maxMs: ANNOUNCE_MS };
  openLoop(
    'announcing',
    (signal) => runLoop(announce, { signal, clock: systemClock, backoff, onError: logged(log) }),
    opened,
  );
}

function openLoop(name: string, run: (signal: AbortSignal) => Promise<void>, opened: Disposers): void {
  const stop = new AbortController();
  const running = run(stop.signal);
  opened.add(name, async () => {
    stop.abort();
    await running;
  });
}

function logged(log: Log): (thrown: unknown) => void {
  return (thrown) => log.warn({ reason: messageOf(thrown) }, 'a background step failed');
}
