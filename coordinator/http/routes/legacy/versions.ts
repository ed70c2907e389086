import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../../dependencies.ts';
import { getRoute } from '../../get-route.ts';
import { SignedVersions } from '../../legacy/signed-versions.ts';
import { BAD_GATEWAY, ok } from '../../openapi/answers.ts';
import type { RouteDoc } from '../../openapi/route-doc.ts';
import { sendUpstreamJson } from '../../upstream-json.ts';

export const LegacyVersionsSchema = Type.Object(
  { branches: Type.Array(Type.Object({ name: Type.String(), latest: Type.String() })) },
  {
    additionalProperties: Type.Object({
      branch: Type.String(),
      path: Type.String(),
      pubkey: Type.String({ description: 'what signs its sha256sums, for usign; empty where not known' }),
    }),
  },
);

const DOC: RouteDoc = {
  summary: 'The versions that can be built, as clients of 2020 read them',
  tag: 'old clients',
  answers: { ...ok('By version; and the newest of each branch.', LegacyVersionsSchema), 502: BAD_GATEWAY },
};

export function legacyVersionsRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'lists'>): void {
  const signed = new SignedVersions();
  getRoute(app, '/api/versions', DOC, (_request, reply) =>
    sendUpstreamJson(reply, 'There are no versions', async () =>
      signed.complete(await deps.lists.legacyVersions()),
    ),
  );
}
