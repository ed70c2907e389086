import type { FastifyInstance } from 'fastify';
import { hasCode } from '../../../shared/errors.ts';
import { branchOf } from '../../catalog/branches.ts';
import { allowOnly } from '../allow-only.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { simple } from '../errors.ts';
import { sendError } from '../send-error.ts';

const URL_PATTERN = '/api/v1/revision/:version/:target/:subtarget';

interface Params {
  readonly version: string;
  readonly target: string;
  readonly subtarget: string;
}

/** The revision of a target, for releases too: LuCI asks before each build (pitfall 16). */
export function revisionRoutes(app: FastifyInstance, deps: Pick<HttpDependencies, 'catalog'>): void {
  app.route<{ Params: Params }>({
    method: ['GET', 'HEAD'],
    url: URL_PATTERN,
    handler: async ({ params }, reply) => {
      const { version } = params;
      const target = `${params.target}/${params.subtarget}`;
      if (!branchOf(version)) return sendError(reply, simple(400, `Unsupported version: ${version}`));
      try {
        const revision = await readRevision(deps, version, target);
        if (revision !== undefined) return reply.send({ revision });
      } catch (thrown) {
        if (!hasCode(thrown, 'unavailable')) throw thrown;
        return sendError(reply, simple(503, failure(version, target)));
      }
      return sendError(reply, simple(404, failure(version, target)));
    },
  });
  allowOnly(app, URL_PATTERN, ['GET', 'HEAD']);
}

/** Only what upstream lists is asked for, so that nobody makes us ask for anything else. */
async function readRevision(
  { catalog }: Pick<HttpDependencies, 'catalog'>,
  version: string,
  target: string,
): Promise<string | undefined> {
  const builder = { distro: 'openwrt', version, target };
  if (!(await catalog.hasVersion(version, 'fresh')) || !(await catalog.hasTarget(builder, 'fresh'))) {
    return undefined;
  }
  return (await catalog.profiles(builder, 'fresh'))?.versionCode;
}

function failure(version: string, target: string): string {
  return `Failed to fetch revision for ${version}/${target}`;
}
