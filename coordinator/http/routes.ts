import type { FastifyInstance } from 'fastify';
import type { HttpDependencies } from './dependencies.ts';
import type { DocumentedRoute } from './openapi/openapi-document.ts';
import { branchesRoutes } from './routes/branches.ts';
import { buildRoutes } from './routes/build.ts';
import { buildErrorsRoutes } from './routes/build-errors.ts';
import { buildsByVersionRoutes } from './routes/builds-by-version.ts';
import { buildsPerDayRoutes } from './routes/builds-per-day.ts';
import { docsRoutes } from './routes/docs.ts';
import { healthRoutes } from './routes/health.ts';
import { homeRoutes } from './routes/home.ts';
import { latestRoutes } from './routes/latest.ts';
import { legacyBuildRoutes } from './routes/legacy/build.ts';
import { legacyBuildLogRoutes } from './routes/legacy/build-log.ts';
import { legacyNamesRoutes } from './routes/legacy/names.ts';
import { legacyPackagesRoutes } from './routes/legacy/packages.ts';
import { legacyProfilesRoutes } from './routes/legacy/profiles.ts';
import { legacyVersionsRoutes } from './routes/legacy/versions.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { overviewRoutes } from './routes/overview.ts';
import { revisionRoutes } from './routes/revision.ts';
import { statsRoutes } from './routes/stats.ts';
import { statsPageRoutes } from './routes/stats-page.ts';
import { statsSummaryRoutes } from './routes/stats-summary.ts';
import { storeRoutes } from './routes/store.ts';
import { topPackagesRoutes } from './routes/top-packages.ts';
import { upstreamDocumentRoutes } from './routes/upstream-documents.ts';

/** Adds all routes, in the order in which the API is told. */
export function addRoutes(
  app: FastifyInstance,
  deps: HttpDependencies,
  docs: readonly DocumentedRoute[],
): void {
  const modules = [
    ...[buildRoutes, overviewRoutes, latestRoutes, branchesRoutes, revisionRoutes, upstreamDocumentRoutes],
    ...[storeRoutes, statsRoutes, statsSummaryRoutes, buildsPerDayRoutes, buildsByVersionRoutes],
    ...[topPackagesRoutes, buildErrorsRoutes, statsPageRoutes],
    ...[legacyBuildRoutes, legacyBuildLogRoutes, legacyVersionsRoutes, legacyProfilesRoutes],
    ...[legacyNamesRoutes, legacyPackagesRoutes, homeRoutes, healthRoutes, metricsRoutes],
  ];
  for (const add of modules) add(app, deps);
  for (const add of deps.routes ?? []) add(app);
  openApiRoutes(app, deps, docs);
  docsRoutes(app, docs);
}
