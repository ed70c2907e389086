import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { ok, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'How many builds wait',
  tag: 'statistics',
  answers: {
    ...ok('The length of the queue.', Type.Object({ queue_length: Type.Integer({ minimum: 0 }) })),
    503: UNAVAILABLE,
  },
};

/** How many builds wait. */
export function statsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'builds'>): void {
  getRoute(app, '/api/v1/stats', DOC, async (_request, reply) =>
    reply.send({ queue_length: await deps.builds.queuedCount() }),
  );
}
