import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { hasCode } from '../../../shared/errors.ts';
import { branchOf } from '../../catalog/branches.ts';
import { DEFAULT_DISTRO } from '../../catalog/distributions.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { simple } from '../errors.ts';
import { getRoute } from '../get-route.ts';
import { BAD_GATEWAY, BAD_REQUEST, NOT_FOUND, ok } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendError } from '../send-error.ts';

const URL_PATTERN = '/api/v1/revision/:version/:target/:subtarget';

interface Params {
  readonly version: string;
  readonly target: string;
  readonly subtarget: string;
}

const DOC: RouteDoc = {
  summary: 'The revision of a target that a build would have now',
  tag: 'lists',
  answers: {
    ...ok('It looks like r28959-29397011cc.', Type.Object({ revision: Type.String() })),
    400: BAD_REQUEST,
    404: NOT_FOUND,
    502: BAD_GATEWAY,
  },
};

/** The revision of a target, for releases too: LuCI asks before each build (pitfall 16). */
export function revisionRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'catalog'>): void {
  getRoute<{ Params: Params }>(app, URL_PATTERN, DOC, async ({ params }, reply) => {
    const { version } = params;
    const target = `${params.target}/${params.subtarget}`;
    if (!branchOf(version, deps.catalog.distribution(DEFAULT_DISTRO))) {
      return sendError(reply, simple(400, `Unsupported version: ${version}`));
    }
    try {
      const revision = await readRevision(deps, version, target);
      if (revision !== undefined) return reply.send({ revision });
    } catch (thrown) {
      if (!hasCode(thrown, 'unavailable')) throw thrown;
      return sendError(reply, simple(502, failure(version, target)));
    }
    return sendError(reply, simple(404, failure(version, target)));
  });
}

/** Only what upstream lists is asked for, so that nobody makes us ask for anything else. */
async function readRevision(
  { catalog }: Pick<HttpDependencies, 'catalog'>,
  version: string,
  target: string,
): Promise<string | undefined> {
  const builder = { distro: DEFAULT_DISTRO, version, target };
  if (!(await catalog.hasVersion(version, 'fresh')) || !(await catalog.hasTarget(builder, 'fresh'))) {
    return undefined;
  }
  return (await catalog.profiles(builder, 'fresh'))?.versionCode;
}

function failure(version: string, target: string): string {
  return `Failed to fetch revision for ${version}/${target}`;
}
