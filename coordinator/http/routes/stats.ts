import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';

/** How many builds wait. */
export function statsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'builds'>): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/api/v1/stats',
    handler: async (_request, reply) => reply.send({ queue_length: await deps.builds.queuedCount() }),
  });
  allowOnly(app, '/api/v1/stats', ['GET', 'HEAD']);
}
