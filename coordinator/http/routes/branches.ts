import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendUpstreamJson } from '../upstream-json.ts';

/** Asked for by auc before 0.2.5 (contract 1.5). */
const PATHS_OF_2021 = ['/json/branches.json', '/api/branches'];

/** All fields that auc insists on (contract 1.4). */
export const BranchSchema = Type.Object({
  name: Type.String(),
  enabled: Type.Boolean(),
  path: Type.String({ description: 'upstream folder of a version; {version} stands for it' }),
  path_packages: Type.String(),
  versions: Type.Array(Type.String()),
  targets: Type.Record(Type.String(), Type.String(), { description: 'package architectures by target' }),
  package_changes: Type.Array(
    Type.Object({
      source: Type.Optional(Type.String()),
      target: Type.Optional(Type.String()),
      revision: Type.Integer(),
      mandatory: Type.Optional(Type.Boolean()),
    }),
  ),
  snapshot: Type.Optional(Type.Boolean()),
  branch_off_rev: Type.Optional(Type.Integer()),
});

export const BranchesSchema = Type.Array(BranchSchema);

const DOC: RouteDoc = {
  summary: 'The lines of releases, each with its versions and targets',
  tag: 'lists',
  answers: { ...ok('The branches.', BranchesSchema), 502: BAD_GATEWAY },
};

/** An array, where the overview has an object (pitfall 8). */
export function branchesRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'lists'>): void {
  const missing = 'There are no branches';
  getRoute(app, '/json/v1/branches.json', DOC, (_request, reply) =>
    sendUpstreamJson(reply, missing, () => deps.lists.branches()),
  );
  for (const url of PATHS_OF_2021) {
    getRoute(app, url, DOC, (_request, reply) =>
      sendUpstreamJson(reply, missing, () => deps.lists.branchesOf2021()),
    );
  }
}
