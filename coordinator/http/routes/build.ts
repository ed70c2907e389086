import type { FastifyInstance, FastifyReply } from 'fastify';
import { SHA256_PATTERN } from '../../../shared/digest.ts';
import type { BuildOwner } from '../../builds/build-owner.ts';
import { allowOnly } from '../allow-only.ts';
import { type AskDependencies, askForBuild } from '../ask-for-build.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { getRoute } from '../get-route.ts';
import { type ReadyView, ReadyViews } from '../job-view.ts';
import { bodyOf, readJsonBody } from '../json-body.ts';
import {
  BAD_REQUEST,
  BUILD_ANSWERS,
  NOT_FOUND,
  OVERLOADED,
  TOO_LARGE,
  UNAVAILABLE,
  UNPROCESSABLE,
} from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { buildRequestSchema } from '../parse-build-request.ts';
import { RecentRequests } from '../recent-requests.ts';

const HASH = new RegExp(SHA256_PATTERN);
const UNKNOWN_HASH = { status: 404, title: 'Not Found', detail: 'could not find provided request hash' };

const ASK: RouteDoc = {
  summary: 'Ask for an image; asking again for the same asks about it',
  tag: 'builds',
  body: buildRequestSchema(),
  answers: {
    ...BUILD_ANSWERS,
    400: BAD_REQUEST,
    413: TOO_LARGE,
    422: UNPROCESSABLE,
    503: UNAVAILABLE,
    529: OVERLOADED,
  },
};

const LOOK: RouteDoc = {
  summary: 'Ask about a build, by its request hash',
  tag: 'builds',
  answers: { ...BUILD_ANSWERS, 404: NOT_FOUND, 503: UNAVAILABLE },
};

/** Asks for a build, and asks about one (contract 2.1 to 2.5). */
export function buildRoutes(
  app: FastifyInstance,
  deps: Pick<HttpDependencies, 'catalog' | 'resolve' | 'builds' | 'ownerOf'>,
): void {
  const views = new ReadyViews();
  const recent = new RecentRequests();
  const asking = { catalog: deps.catalog, resolve: deps.resolve };
  app.post('/api/v1/build', { config: { doc: ASK } }, async (request, reply) => {
    const { 'content-type': contentType, 'user-agent': userAgent } = request.headers;
    const asked = { body: bodyOf(request), contentType, userAgent };
    const known = recent.find(asked);
    // What a body means may come from another client's request; who asks never does.
    const ownerOf = (): BuildOwner => deps.ownerOf(request.raw);
    const submit: AskDependencies['submit'] = (resolved) => {
      recent.keep(asked, resolved);
      return deps.builds.submit(resolved, ownerOf);
    };
    const record = known
      ? await deps.builds.submit(known, ownerOf)
      : await askForBuild({ ...asking, submit }, readJsonBody(asked.body, contentType), userAgent);
    return sendView(reply, views.of(record, 'POST'));
  });
  allowOnly(app, '/api/v1/build', ['POST']);
  getRoute<{ Params: { hash: string } }>(app, '/api/v1/build/:hash', LOOK, async ({ params }, reply) => {
    const { hash } = params;
    const record = HASH.test(hash) ? await deps.builds.get(hash) : undefined;
    return record ? sendView(reply, views.of(record, 'GET')) : reply.code(404).send(UNKNOWN_HASH);
  });
}

/** Past fastify, which would look for hooks and serializers that there are none of; half of what a known build costs. */
function sendView(reply: FastifyReply, { status, headers, bytes }: ReadyView): FastifyReply {
  reply.hijack();
  reply.raw.writeHead(status, headers).end(bytes);
  return reply;
}
