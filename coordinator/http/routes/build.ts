import type { FastifyInstance, FastifyReply } from 'fastify';
import { SHA256_PATTERN } from '../../../shared/digest.ts';
import { FarmError } from '../../../shared/errors.ts';
import type { ResolvedRequest } from '../../builds/build-record.ts';
import type { BuildRequest } from '../../catalog/build-request.ts';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { FieldProblems } from '../field-problems.ts';
import { type JobView, jobView } from '../job-view.ts';
import { readJsonBody } from '../json-body.ts';
import { parseBuildRequest } from '../parse-build-request.ts';

const NOT_FOUND = { status: 404, title: 'Not Found', detail: 'could not find provided request hash' };

/** Asks for a build, and asks about one (contract 2.1 to 2.5). */
export function buildRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'resolve' | 'builds'>): void {
  app.post('/api/v1/build', async (request, reply) => {
    const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const body = readJsonBody(bytes, request.headers['content-type']);
    const parsed = parseBuildRequest(body);
    const client = parsed.client ?? clientOf(request.headers['user-agent']);
    const resolved = await resolve(deps, { ...parsed, client }, body);
    return sendView(reply, jobView(await deps.builds.submit(resolved), 'POST'));
  });
  allowOnly(app, '/api/v1/build', ['POST']);

  app.route<{ Params: { hash: string } }>({
    method: ['GET', 'HEAD'],
    url: '/api/v1/build/:hash',
    handler: async (request, reply) => {
      const { hash } = request.params;
      const record = new RegExp(SHA256_PATTERN).test(hash) ? await deps.builds.get(hash) : undefined;
      return record ? sendView(reply, jobView(record, 'GET')) : reply.code(404).send(NOT_FOUND);
    },
  });
  allowOnly(app, '/api/v1/build/:hash', ['GET', 'HEAD']);
}

/** Whether a profile is needed shows only now; a missing one is told like any other missing field. */
async function resolve(
  deps: Pick<HttpDependencies, 'resolve'>,
  request: BuildRequest,
  body: unknown,
): Promise<ResolvedRequest> {
  try {
    return await deps.resolve(request);
  } catch (thrown) {
    const field = thrown instanceof FarmError ? thrown.details.missingField : undefined;
    if (typeof field !== 'string') throw thrown;
    return new FieldProblems().fail('missing', [field], 'Field required', body);
  }
}

function sendView(reply: FastifyReply, view: JobView): FastifyReply {
  return reply.code(view.status).headers(view.headers).send(view.body);
}

/** auc tells its name only here: `auc (0.2.5)`, `auc/0.3.2-1`, `/usr/sbin/auc/0.3.2`. */
function clientOf(userAgent: string | undefined): string | null {
  const version = /^(?:\S*\/)?auc(?:\/| \()([\w.-]{1,32})\)?$/.exec(userAgent ?? '')?.[1];
  return version === undefined ? null : `auc/${version}`;
}
