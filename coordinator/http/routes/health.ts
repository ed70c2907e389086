import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';

/** For whoever restarts this process (`/healthz`), and whoever sends it requests (`/readyz`). */
export function healthRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'readiness'>): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/healthz',
    handler: (_request, reply) => reply.send({ detail: 'ok', status: 200 }),
  });
  allowOnly(app, '/healthz', ['GET', 'HEAD']);
  app.route({
    method: ['GET', 'HEAD'],
    url: '/readyz',
    handler: async (_request, reply) => {
      const { ready, checks } = await deps.readiness();
      const failing = Object.entries(checks).filter(([, check]) => !check.ok);
      const detail = ready ? 'ready' : `not ready: ${failing.map(([name]) => name).join(', ')}`;
      const status = ready ? 200 : 503;
      return reply.code(status).send({ ready, checks, detail, status });
    },
  });
  allowOnly(app, '/readyz', ['GET', 'HEAD']);
}
