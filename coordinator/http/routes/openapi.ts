import type { FastifyInstance } from 'fastify';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { type DocumentedRoute, openApiDocument } from '../openapi/openapi-document.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const DOC: RouteDoc = {
  summary: 'This API, for programs: OpenAPI 3.1',
  tag: 'operation',
  answers: { 200: { description: 'The document.', schema: {} } },
};

/** @param routes grows until the server listens. */
export function openApiRoutes(
  app: FastifyInstance,
  deps: Pick<HttpDependencies, 'version'>,
  routes: readonly DocumentedRoute[],
): void {
  let bytes: Buffer | undefined;
  getRoute(app, '/openapi.json', DOC, (_request, reply) => {
    bytes ??= Buffer.from(JSON.stringify(openApiDocument(routes, { version: deps.version })));
    return reply.type('application/json; charset=utf-8').send(bytes);
  });
}
