import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendUpstreamJson } from '../upstream-json.ts';

/** The last two are of 2021; the first of them is asked for by LuCI (contract 1.5). */
const PATHS = ['/json/v1/latest.json', '/api/v1/latest', '/json/latest.json', '/api/latest'];

export const LatestSchema = Type.Object({ latest: Type.Array(Type.String()) });

const DOC: RouteDoc = {
  summary: 'The newest version of each supported line, newest first',
  tag: 'lists',
  answers: { ...ok('The versions.', LatestSchema), 502: BAD_GATEWAY },
};

export function latestRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'lists'>): void {
  for (const url of PATHS) {
    getRoute(app, url, DOC, (_request, reply) =>
      sendUpstreamJson(reply, 'There are no versions', () => deps.lists.latest()),
    );
  }
}
