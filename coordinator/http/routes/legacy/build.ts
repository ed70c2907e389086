import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { SHA256_PATTERN } from '../../../../shared/digest.ts';
import { BUILD_LOG_NAME } from '../../../../shared/domain/artifact.ts';
import { isFinal } from '../../../../shared/domain/build.ts';
import { hasCode, messageOf } from '../../../../shared/errors.ts';
import type { BuildOwner } from '../../../builds/build-owner.ts';
import type { BuildRecord } from '../../../builds/build-record.ts';
import { allowOnly } from '../../allow-only.ts';
import { askForBuild } from '../../ask-for-build.ts';
import type { HttpDependencies } from '../../dependencies.ts';
import { bodyOf, readJsonBody } from '../../json-body.ts';
import { sendLegacyError, sendLegacyRefusal } from '../../legacy/legacy-errors.ts';
import { legacyRequestSchema, readLegacyRequest } from '../../legacy/legacy-request.ts';
import { type LegacyFiles, legacyView } from '../../legacy/legacy-view.ts';
import { legacyFolder } from '../../legacy/store-aliases.ts';
import { RETRY_AFTER } from '../../openapi/answers.ts';
import type { AnswerDoc, RouteDoc } from '../../openapi/route-doc.ts';

const REFUSAL: AnswerDoc = {
  description: 'Why it is refused, in a word and in a sentence.',
  schema: Type.Object({ status: Type.String(), message: Type.String(), detail: Type.String() }),
};
const LATER: AnswerDoc = { ...REFUSAL, headers: RETRY_AFTER };
const STATE = Type.Object({ status: Type.String(), enqueued_at: Type.String(), request_hash: Type.String() });
const ANSWERS: RouteDoc['answers'] = {
  200: { description: 'The image is built.', schema: STATE },
  202: { description: 'The build waits or is being made.', schema: STATE },
  500: { description: 'The build failed.', schema: STATE },
};

const ASK: RouteDoc = {
  summary: 'Ask for an image as clients of 2020 and 2021 do',
  tag: 'old clients',
  body: legacyRequestSchema(),
  answers: {
    ...ANSWERS,
    400: REFUSAL,
    413: REFUSAL,
    422: REFUSAL,
    503: LATER,
    529: LATER,
  },
};

const LOOK: RouteDoc = {
  summary: 'Ask about a build as clients of 2021 do',
  tag: 'old clients',
  answers: { ...ANSWERS, 404: REFUSAL, 503: LATER },
};

export type LegacyBuildDependencies = Pick<
  HttpDependencies,
  'catalog' | 'versions' | 'resolve' | 'builds' | 'ownerOf' | 'files' | 'aliases' | 'reposts' | 'log'
>;

/** The build API before `/api/v1` (contract 1.5, 3; pitfall 23). */
export function legacyBuildRoutes(app: FastifyInstance, deps: LegacyBuildDependencies): void {
  const errorHandler = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    if (!sendLegacyError(reply, error).isOurFault) return;
    deps.log.error(
      { err: error, method: request.method, route: request.routeOptions.url },
      'a request failed',
    );
  };
  app.post('/api/build', { config: { doc: ASK }, errorHandler }, async (request, reply) => {
    const read = await readLegacyRequest(deps, readLegacyBody(bodyOf(request)));
    if ('problem' in read) return sendLegacyRefusal(reply, 400, read.problem, read.message);
    const ownerOf = (): BuildOwner => deps.ownerOf(request.raw);
    const record = await askForBuild(
      { ...deps, submit: (resolved) => deps.reposts.submit(deps.builds, resolved, ownerOf) },
      read.body,
      request.headers['user-agent'],
    );
    return sendView(deps, reply, record);
  });
  allowOnly(app, '/api/build', ['POST']);
  app.route<{ Params: { hash: string } }>({
    method: ['GET', 'HEAD'],
    url: '/api/build/:hash',
    config: { doc: LOOK },
    errorHandler,
    handler: async ({ params }, reply) => {
      const isHash = new RegExp(SHA256_PATTERN).test(params.hash);
      const record = isHash ? await deps.builds.get(params.hash) : undefined;
      if (!record) return sendLegacyRefusal(reply, 404, 'not_found', 'could not find provided request hash');
      if (isFinal(record.state)) await deps.reposts.told(params.hash);
      return sendView(deps, reply, record);
    },
  });
  allowOnly(app, '/api/build/:hash', ['GET', 'HEAD']);
}

/** JSON whatever its content type says: nobody sends anything else here. Undefined for what is none. */
function readLegacyBody(body: Buffer): unknown {
  try {
    return readJsonBody(body, 'application/json');
  } catch (thrown) {
    if (hasCode(thrown, 'invalid_request')) return undefined;
    throw thrown;
  }
}

async function sendView(
  deps: LegacyBuildDependencies,
  reply: FastifyReply,
  record: BuildRecord,
): Promise<FastifyReply> {
  const view = legacyView(record, await filesOf(deps, record));
  return reply.code(view.status).headers(view.headers).send(view.body);
}

async function filesOf(
  { files, aliases, log }: LegacyBuildDependencies,
  record: BuildRecord,
): Promise<LegacyFiles | undefined> {
  const { requestHash, answer } = record;
  const binDir = answer?.bin_dir;
  if (typeof binDir !== 'string') return undefined;
  const isThere = async (folder: string): Promise<boolean> =>
    (await files.find(folder, BUILD_LOG_NAME)) !== undefined;
  const hasLog = await isThere(binDir);
  const folder = legacyFolder(record);
  if (folder === undefined) return { binDir, hasLog };
  try {
    const isOurs = await aliases.remember(folder, binDir, isThere);
    return { binDir: isOurs ? folder : binDir, hasLog };
  } catch (thrown) {
    log.warn({ requestHash, reason: messageOf(thrown) }, 'a build has no old name for now');
    return { binDir, hasLog };
  }
}
