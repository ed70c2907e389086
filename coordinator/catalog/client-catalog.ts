import { ClientDocuments } from './client-documents.ts';
import { ClientLists } from './client-lists.ts';
import { Documents, type DocumentsConfig, type DocumentsDependencies } from './documents.ts';
import type { FailingDocuments } from './failing-documents.ts';
import { OfferedPaths } from './offered-paths.ts';
import { VersionDocuments } from './version-documents.ts';

/** What clients read of the catalog, in the forms they know. Disposing aborts what is being fetched. */
export interface ClientCatalog extends AsyncDisposable {
  readonly lists: ClientLists;
  readonly documents: ClientDocuments;
  readonly versions: VersionDocuments;
  /** Documents that upstream lately failed to give. */
  failing(): FailingDocuments;
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
  const cache = new Documents(deps, config);
  const offered = new OfferedPaths(overview);
  const documents = new ClientDocuments(cache, offered);
  return {
    lists: new ClientLists(offered),
    documents,
    versions: new VersionDocuments(documents, offered),
    failing: () => cache.failing(),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}
