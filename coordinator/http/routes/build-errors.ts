import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { errorSummary } from '../../stats/build-error.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { okText, UNAVAILABLE, UNPROCESSABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { queryInteger, readQuery } from '../read-query.ts';
import { statisticPaths } from '../statistic-paths.ts';

const Query = Type.Object({ n: queryInteger({ min: 1, max: 500, default: 100 }) });

const DOC: RouteDoc = {
  summary: 'The newest builds that failed',
  tag: 'statistics',
  query: Query,
  answers: { ...okText('One line each, newest first.', 'text/plain'), 422: UNPROCESSABLE, 503: UNAVAILABLE },
};

export function buildErrorsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'stats'>): void {
  for (const url of statisticPaths('build-errors')) {
    getRoute(app, url, DOC, async ({ query }, reply) => {
      const errors = await deps.stats.buildErrors(readQuery(Query, query).n);
      return reply.type('text/plain; charset=utf-8').send(errorSummary(errors));
    });
  }
}
