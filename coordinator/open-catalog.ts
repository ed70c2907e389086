import { packageVersion } from '../shared/package-root.ts';
import { type Catalog, createCatalog } from './catalog/catalog.ts';
import { type ClientCatalog, createClientCatalog } from './catalog/client-catalog.ts';
import { loadDistributions } from './catalog/distributions.ts';
import type { DocumentsDependencies } from './catalog/documents.ts';
import type { CoordinatorConfig } from './config.ts';

/** Upstream text whose parsed form is kept for clients' lists, bytes: they are asked for by few and rarely. */
const CLIENT_CACHE_BYTES = 40 * 1024 ** 2;

/** The catalog as this coordinator is configured. The caller disposes it. */
export function openCatalog(config: CoordinatorConfig, documents: DocumentsDependencies): Catalog {
  return createCatalog(documents, {
    upstream: config.upstream,
    distributions: loadDistributions(config.distros),
    freshMs: config.catalogFreshMs,
    releaseFreshMs: config.catalogReleaseFreshMs,
    version: packageVersion(),
    contact: config.contact,
    allowDefaults: config.allowDefaults,
    repositoryAllowList: config.repositoryAllowList,
    publicUpstream: config.publicUpstream ?? config.upstream,
  });
}

/** What clients read of upstream through this coordinator. The caller disposes it. */
export function openClientCatalog(
  config: CoordinatorConfig,
  catalog: Catalog,
  documents: DocumentsDependencies,
): ClientCatalog {
  const { upstream, catalogFreshMs: freshMs, catalogReleaseFreshMs: releaseFreshMs } = config;
  return createClientCatalog(
    documents,
    { upstream, freshMs, releaseFreshMs, maxCachedBytes: CLIENT_CACHE_BYTES },
    () => catalog.overview(),
  );
}
