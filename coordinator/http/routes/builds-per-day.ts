import type { FastifyInstance } from 'fastify';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ok, UNAVAILABLE } from '../openapi/answers.ts';
import { ChartSchema } from '../openapi/chart-schema.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { statisticPaths } from '../statistic-paths.ts';

const DOC: RouteDoc = {
  summary: 'Requests, cache hits and failures of the last 30 days',
  tag: 'statistics',
  answers: { ...ok('A chart by day.', ChartSchema), 503: UNAVAILABLE },
};

export function buildsPerDayRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'stats'>): void {
  for (const url of statisticPaths('builds-per-day')) {
    getRoute(app, url, DOC, async (_request, reply) => reply.send(await deps.stats.buildsPerDay()));
  }
}
