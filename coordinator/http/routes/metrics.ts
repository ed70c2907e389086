import type { FastifyInstance } from 'fastify';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { okText } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'Metrics for Prometheus',
  tag: 'operation',
  answers: okText('Its text form.', 'text/plain'),
};

/** The coordinator's metrics in Prometheus' text form. */
export function metricsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'metrics'>): void {
  getRoute(app, '/metrics', DOC, async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.metrics()),
  );
}
