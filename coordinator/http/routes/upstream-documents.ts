import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import { simple } from '../errors.ts';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, NOT_FOUND, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendError } from '../send-error.ts';
import { sendUpstreamJson } from '../upstream-json.ts';
import { parseUpstreamPath, type UpstreamPath } from '../upstream-path.ts';

const Versions = Type.Record(Type.String(), Type.String(), { description: 'versions by package' });

const DOC: RouteDoc = {
  summary:
    'Packages of a target ({folder}/targets/{target}/{subtarget}/index.json) or of an architecture ' +
    '({folder}/packages/{arch}-index.json), or a profile ({folder}/targets/{target}/{subtarget}/{profile}.json), ' +
    'where the folder is that of a version, such as releases/24.10.4; v1/ may go before it',
  tag: 'lists',
  answers: {
    ...ok(
      'Empty when there is no such target, architecture or profile.',
      Type.Union([
        Type.Object({ architecture: Type.Optional(Type.String()), packages: Versions }),
        Versions,
        Type.Object({ id: Type.String(), arch_packages: Type.String(), version_code: Type.String() }),
        Type.Object({}),
      ]),
    ),
    404: NOT_FOUND,
    502: BAD_GATEWAY,
  },
};

/** Package indexes and profiles of upstream in the form that clients read (contract 2.9). */
export function upstreamDocumentRoutes(
  app: FastifyInstance,
  deps: Pick<HttpDependencies, 'documents'>,
): void {
  getRoute<{ Params: { '*': string } }>(app, '/json/*', DOC, ({ params }, reply) => {
    const asked = parseUpstreamPath(params['*']);
    if (!asked) return sendError(reply, simple(404, 'Not Found'));
    return sendUpstreamJson(reply, missing(asked), () => read(deps.documents, asked));
  });
}

/** Packages of a version that is not offered are none, as for asu. */
async function read(
  documents: HttpDependencies['documents'],
  asked: UpstreamPath,
): Promise<Buffer | undefined> {
  const version = await documents.versionAt(asked.folder);
  if (version === undefined) return asked.kind === 'profile' ? undefined : Buffer.from('{}');
  switch (asked.kind) {
    case 'target index':
      return documents.targetIndex(version, asked.target);
    case 'architecture index':
      return documents.architectureIndex(version, asked.architecture);
    case 'profile':
      return asked.isOf2021
        ? documents.profileOf2021(version, asked.target, asked.profile)
        : documents.profile(version, asked.target, asked.profile);
  }
}

function missing(asked: UpstreamPath): string {
  const what = asked.kind === 'profile' ? 'profiles' : 'packages';
  const of = asked.kind === 'architecture index' ? asked.architecture : asked.target;
  return `Upstream has no ${what} of ${of} in ${asked.folder}`;
}
