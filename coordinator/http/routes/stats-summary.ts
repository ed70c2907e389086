import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ok, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'How many builds wait, and how many images were built in the last day',
  tag: 'statistics',
  answers: {
    ...ok(
      'The two numbers.',
      Type.Object({ queue_length: Type.Integer({ minimum: 0 }), builds_24h: Type.Integer({ minimum: 0 }) }),
    ),
    503: UNAVAILABLE,
  },
};

export function statsSummaryRoutes(
  app: FastifyInstance,
  deps: Pick<HttpDependencies, 'builds' | 'stats'>,
): void {
  getRoute(app, '/api/v1/stats/summary', DOC, async (_request, reply) => {
    const [queueLength, builds] = await Promise.all([
      deps.builds.queuedCount(),
      deps.stats.buildsOfLastDay(),
    ]);
    return reply.send({ queue_length: queueLength, builds_24h: builds });
  });
}
