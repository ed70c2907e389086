import type { Clock } from '../shared/clock.ts';
import { hasCode } from '../shared/errors.ts';
import { packageVersion } from '../shared/package-root.ts';
import type { ArtifactStore } from './artifacts/artifact-store.ts';
import type { Catalog } from './catalog/catalog.ts';
import type { ClientCatalog } from './catalog/client-catalog.ts';
import { RequestResolver } from './catalog/request-resolver.ts';
import type { CoordinatorConfig } from './config.ts';
import type { Builds } from './create-builds.ts';
import { ClientIdentity } from './http/client-identity.ts';
import type { HttpDependencies, RouteModule } from './http/dependencies.ts';
import type { FollowDependencies } from './http/follow-reply.ts';
import { buildEventsRoutes } from './http/routes/build-events.ts';
import { buildLogRoutes } from './http/routes/build-log.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { Places } from './places.ts';

/** Starts the HTTP server over the parts of this coordinator. The caller disposes it. */
export async function openHttp(
  config: CoordinatorConfig,
  deps: Pick<HttpDependencies, 'readiness' | 'metrics' | 'stats' | 'aliases' | 'reposts' | 'log'> & {
    readonly parts: Builds;
    readonly catalog: Catalog;
    readonly forClients: ClientCatalog;
    readonly artifacts: ArtifactStore;
    readonly clock: Clock;
    /** For whoever looks after the farm. */
    readonly operation: readonly RouteModule[];
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
  const identity = new ClientIdentity(config);
  const following: FollowDependencies = {
    get: (hash) => parts.service.get(hash),
    follower: parts.follower,
    ownerOf: (request) => identity.ownerOf(request),
    places: new Places({
      max: config.maxFollowers,
      maxPerHolder: config.maxFollowersPerClient,
      what: 'builds are followed at once',
    }),
    closing: deps.closing,
  };
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
        ...deps.operation,
        (app) => buildLogRoutes(app, following),
        (app) => buildEventsRoutes(app, following),
      ],
    },
    { host: config.httpHost, port: config.httpPort, maxConnections: config.maxConnections },
  );
}
