import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendUpstreamJson } from '../upstream-json.ts';
import { BranchSchema } from './branches.ts';

/** All answered directly: old clients follow no redirect (pitfall 3), and LuCI before 2024 asks the third (pitfall 7). */
const PATHS = ['/json/v1/overview.json', '/api/v1/overview', '/api/overview', '/overview'];

export const OverviewSchema = Type.Object({
  latest: Type.Array(Type.String()),
  branches: Type.Record(Type.String(), BranchSchema),
  upstream_url: Type.String({ description: 'the mirror that routers download from' }),
  server: Type.Object({
    version: Type.String(),
    contact: Type.String(),
    allow_defaults: Type.Boolean(),
    repository_allow_list: Type.Array(Type.String()),
    max_custom_rootfs_size_mb: Type.Integer(),
    max_defaults_length: Type.Integer(),
  }),
});

const DOC: RouteDoc = {
  summary: 'What can be built here',
  tag: 'lists',
  answers: { ...ok('Branches by name, and what this server takes.', OverviewSchema), 502: BAD_GATEWAY },
};

/** What can be built here (contract 2.8). */
export function overviewRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'catalog'>): void {
  for (const url of PATHS) {
    getRoute(app, url, DOC, (_request, reply) =>
      sendUpstreamJson(reply, 'There is no overview', () => deps.catalog.overview()),
    );
  }
}
