import type { FastifyInstance } from 'fastify';
import { BUILD_LOG_NAME } from '../../../../shared/domain/artifact.ts';
import { getRoute } from '../../get-route.ts';
import type { StoreDependencies } from '../../legacy/find-in-store.ts';
import { NOT_FOUND, okText, UNAVAILABLE } from '../../openapi/answers.ts';
import type { RouteDoc } from '../../openapi/route-doc.ts';
import { sendFromStore } from '../store.ts';

const DOC: RouteDoc = {
  summary: 'The log of a build, where LuCI of March 2020 links it',
  tag: 'old clients',
  answers: { ...okText('The log.', 'application/octet-stream'), 404: NOT_FOUND, 503: UNAVAILABLE },
};

interface Params {
  readonly version: string;
  readonly target: string;
  readonly subtarget: string;
  readonly profile: string;
  readonly hash: string;
}

/** That client puts no `/store` before `bin_dir` (contract 1.5). */
export function legacyBuildLogRoutes(app: FastifyInstance, deps: StoreDependencies): void {
  const url = `/:version/:target/:subtarget/:profile/:hash/${BUILD_LOG_NAME}`;
  getRoute<{ Params: Params }>(app, url, DOC, (request, reply) => {
    const { version, target, subtarget, profile, hash } = request.params;
    const folder = [version, target, subtarget, profile, hash].join('/');
    return sendFromStore(deps, request, reply, folder, BUILD_LOG_NAME);
  });
}
