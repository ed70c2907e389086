import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Log } from '../../shared/log.ts';
import type { StoredFiles } from '../artifacts/artifact-store.ts';
import type { BuildOwner } from '../builds/build-owner.ts';
import type { BuildRecord, ResolvedRequest } from '../builds/build-record.ts';
import type { BuildRequest } from '../catalog/build-request.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ClientDocuments } from '../catalog/client-documents.ts';
import type { ClientLists } from '../catalog/client-lists.ts';
import type { VersionDocuments } from '../catalog/version-documents.ts';
import type { StatsReader } from '../stats/stats-reader.ts';
import type { Reposts } from './legacy/reposts.ts';
import type { StoreAliases } from './legacy/store-aliases.ts';

/** Builds, as far as the client API needs them. */
export interface Builds {
  /**
   * The build of this request: the one there is, or a new one. Safe to repeat.
   * @param ownerOf who asks; called only for a new one.
   * @throws FarmError `resource_exhausted` with `details.queueLength` when too many builds wait.
   */
  submit(resolved: ResolvedRequest, ownerOf: () => BuildOwner): Promise<BuildRecord>;
  get(requestHash: string): Promise<BuildRecord | undefined>;
  /** How many builds wait, farm-wide. */
  queuedCount(): Promise<number>;
}

/** Whether this coordinator can do its work, by the things it needs. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** Metrics as text; a prom-client `Registry` fits. */
export interface MetricsText {
  readonly contentType: string;
  metrics(): Promise<string>;
}

/** Adds its routes to the server. */
export type RouteModule = (app: FastifyInstance) => void;

/** What the HTTP server is given. */
export interface HttpDependencies {
  readonly catalog: Pick<Catalog, 'overview' | 'distribution' | 'hasVersion' | 'hasTarget' | 'profiles'>;
  readonly lists: Pick<ClientLists, 'latest' | 'branches' | 'branchesOf2021' | 'legacyVersions'>;
  readonly documents: Pick<
    ClientDocuments,
    'versionAt' | 'targetIndex' | 'architectureIndex' | 'profile' | 'profileOf2021'
  >;
  readonly versions: Pick<VersionDocuments, 'targetOf' | 'profiles' | 'names' | 'packages'>;
  readonly stats: Pick<
    StatsReader,
    'buildsOfLastDay' | 'buildsPerDay' | 'buildsByVersion' | 'topPackages' | 'buildErrors'
  >;
  readonly aliases: Pick<StoreAliases, 'remember' | 'find'>;
  readonly reposts: Pick<Reposts, 'submit' | 'told'>;
  readonly resolve: (request: BuildRequest) => Promise<ResolvedRequest>;
  readonly builds: Builds;
  /** On whose account a request's build waits. */
  readonly ownerOf: (request: Pick<IncomingMessage, 'headers' | 'socket'>) => BuildOwner;
  readonly files: StoredFiles;
  /** wrtfarm's version, for people. */
  readonly version: string;
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: MetricsText;
  readonly log: Log;
  /** Further routes, made with `allowOnly` like ours. */
  readonly routes?: readonly RouteModule[];
}
