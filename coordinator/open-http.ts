import type { FastifyInstance } from 'fastify';
import type { Clock } from '../shared/clock.ts';
import { hasCode } from '../shared/errors.ts';
import { packageVersion } from '../shared/package-root.ts';
import { AgentControl } from './agents/agent-control.ts';
import { ShownFarm } from './agents/shown-farm.ts';
import type { DirectoryStore } from './artifacts/directory-store.ts';
import { BuildControl } from './builds/build-control.ts';
import type { Builds } from './builds/create-builds.ts';
import type { JobQueue } from './builds/job-queue.ts';
import { QueueView } from './builds/queue-view.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { ClientCatalog } from './catalog/client-catalog.ts';
import { RequestResolver } from './catalog/request-resolver.ts';
import type { CoordinatorConfig } from './config.ts';
import { ClientIdentity } from './http/client-identity.ts';
import type { HttpDependencies } from './http/dependencies.ts';
import { type AdminDependencies, adminRoutes } from './http/routes/admin/admin.ts';
import { buildLogRoutes } from './http/routes/build-log.ts';
import { farmRoutes } from './http/routes/farm.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';

/** Starts the HTTP server over the parts of this coordinator. The caller disposes it. */
export async function openHttp(
  config: CoordinatorConfig,
  deps: Pick<HttpDependencies, 'readiness' | 'metrics' | 'stats' | 'aliases' | 'reposts' | 'log'> & {
    readonly parts: Builds;
    readonly catalog: Catalog;
    readonly forClients: ClientCatalog;
    readonly artifacts: DirectoryStore;
    readonly queue: JobQueue;
    readonly clock: Clock;
    /** Told of each well-formed request that is refused. Must not throw. */
    readonly onRefused: () => void;
    /** Ends what would go on for as long as a client listens. */
    readonly closing: AbortSignal;
  },
): Promise<HttpServer> {
  const { parts, catalog, artifacts, stats, aliases, reposts, clock, log } = deps;
  const { lists, documents, versions } = deps.forClients;
  const policy = { allowDefaults: config.allowDefaults, repositoryAllowList: config.repositoryAllowList };
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      if (hasCode(thrown, 'invalid_request')) deps.onRefused();
      throw thrown;
    }
  };
  const view = new ShownFarm({ ...parts, clock });
  const admin = config.adminToken === undefined ? undefined : adminOf(config.adminToken, deps);
  const identity = new ClientIdentity(config);
  const resolver = new RequestResolver({ catalog, clock, log }, policy);
  return await startHttpServer(
    {
      catalog,
      lists,
      documents,
      versions,
      stats,
      aliases,
      reposts,
      version: packageVersion(),
      resolve: (request) => counted(() => resolver.resolve(request)),
      builds: {
        submit: (request, ownerOf) => counted(() => parts.service.submit(request, ownerOf)),
        get: (hash) => parts.service.get(hash),
        queuedCount: () => parts.service.queuedCount(),
      },
      ownerOf: (request) => identity.ownerOf(request),
      files: artifacts,
      readiness: deps.readiness,
      metrics: deps.metrics,
      log,
      routes: [
        (app) => farmRoutes(app, view),
        ...(admin ? [(app: FastifyInstance) => adminRoutes(app, admin)] : []),
        (app) =>
          buildLogRoutes(app, {
            read: (hash, follow, signal) =>
              parts.buildLog.read(hash, follow, AbortSignal.any([signal, deps.closing])),
            get: (hash) => parts.service.get(hash),
          }),
      ],
    },
    { host: config.httpHost, port: config.httpPort },
  );
}

function adminOf(
  token: string,
  {
    parts,
    artifacts,
    queue,
    clock,
    log,
  }: {
    readonly parts: Builds;
    readonly artifacts: DirectoryStore;
    readonly queue: JobQueue;
    readonly clock: Clock;
    readonly log: HttpDependencies['log'];
  },
): AdminDependencies {
  return {
    token,
    builds: new BuildControl({ ...parts, artifacts, queue, log }),
    agents: new AgentControl({ agents: parts.agents, queue, log }),
    queue: new QueueView({ ...parts, clock }),
  };
}
