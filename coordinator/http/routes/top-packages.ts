import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { STAT_DAYS } from '../../stats/stats-reader.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ok, UNAVAILABLE, UNPROCESSABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { BranchParameter, queryInteger, readQuery } from '../read-query.ts';
import { statisticPaths } from '../statistic-paths.ts';

const Query = Type.Object({ branch: BranchParameter, n: queryInteger({ min: 1, max: 100, default: 30 }) });

const DOC: RouteDoc = {
  summary: 'The packages asked for most often in the last 30 days',
  tag: 'statistics',
  query: Query,
  answers: {
    ...ok(
      'The most frequent first.',
      Type.Object({
        packages: Type.Array(Type.Object({ name: Type.String(), count: Type.Integer() })),
        branch: Type.Union([Type.String(), Type.Null()]),
        days: Type.Integer(),
      }),
    ),
    422: UNPROCESSABLE,
    503: UNAVAILABLE,
  },
};

export function topPackagesRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'stats'>): void {
  for (const url of statisticPaths('top-packages')) {
    getRoute(app, url, DOC, async ({ query }, reply) => {
      const { branch, n } = readQuery(Query, query);
      const packages = await deps.stats.topPackages(branch, n);
      return reply.send({ packages, branch: branch ?? null, days: STAT_DAYS });
    });
  }
}
