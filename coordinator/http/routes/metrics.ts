import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';

/** The coordinator's metrics in Prometheus' text form. */
export function metricsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'metrics'>): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/metrics',
    handler: async (_request, reply) =>
      reply.type(deps.metrics.contentType).send(await deps.metrics.metrics()),
  });
  allowOnly(app, '/metrics', ['GET', 'HEAD']);
}
