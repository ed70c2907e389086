import { ClientDocuments } from './client-documents.ts';
import { ClientLists } from './client-lists.ts';
import { Documents, type DocumentsConfig, type DocumentsDependencies } from './documents.ts';
import { OfferedPaths } from './offered-paths.ts';
import { VersionDocuments } from './version-documents.ts';

/** Most bytes of upstream text that are kept for clients: six releases with all their profiles fit. */
const MAX_CACHED_BYTES = 96 * 1024 ** 2;

/** What clients read of the catalog, in the forms they know. Disposing aborts what is being fetched. */
export interface ClientCatalog extends AsyncDisposable {
  readonly lists: ClientLists;
  readonly documents: ClientDocuments;
  readonly versions: VersionDocuments;
  /** Whether upstream fails and something was lately answered from an old copy. */
  isStale(): boolean;
}

/**
 * A client catalog of the mirror at `config.upstream`. Its documents are its own: clients get texts where the catalog keeps
 * what requests are compared with. Whoever creates it disposes it.
 * @param overview the catalog's; what it does not list is not asked for.
 */
export function createClientCatalog(
  deps: DocumentsDependencies,
  config: DocumentsConfig,
  overview: () => Promise<Buffer>,
): ClientCatalog {
  const cache = new Documents(deps, { maxCachedBytes: MAX_CACHED_BYTES, ...config });
  const offered = new OfferedPaths(overview);
  const documents = new ClientDocuments(cache, offered);
  return {
    lists: new ClientLists(offered),
    documents,
    versions: new VersionDocuments(documents, offered),
    isStale: () => cache.isStale(),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}
