import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ok, UNAVAILABLE, UNPROCESSABLE } from '../openapi/answers.ts';
import { ChartSchema } from '../openapi/chart-schema.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { BranchParameter, readQuery } from '../read-query.ts';
import { statisticPaths } from '../statistic-paths.ts';

const Query = Type.Object({ branch: BranchParameter });

const DOC: RouteDoc = {
  summary: 'Images built in the last 26 weeks, of each branch or of each version of one',
  tag: 'statistics',
  query: Query,
  answers: { ...ok('A chart by week.', ChartSchema), 422: UNPROCESSABLE, 503: UNAVAILABLE },
};

export function buildsByVersionRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'stats'>): void {
  for (const url of statisticPaths('builds-by-version')) {
    getRoute(app, url, DOC, async ({ query }, reply) =>
      reply.send(await deps.stats.buildsByVersion(readQuery(Query, query).branch)),
    );
  }
}
