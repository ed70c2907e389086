import type { FastifyInstance } from 'fastify';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';

/** Both answered directly: old clients follow no redirect (pitfall 3). */
const PATHS = ['/json/v1/overview.json', '/api/v1/overview'];

/** What can be built here (contract 2.8). */
export function overviewRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'catalog'>): void {
  for (const url of PATHS) {
    app.route({
      method: ['GET', 'HEAD'],
      url,
      handler: async (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(await deps.catalog.overview()),
    });
    allowOnly(app, url, ['GET', 'HEAD']);
  }
}
