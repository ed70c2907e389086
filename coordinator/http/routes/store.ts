import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { simple } from '../errors.ts';
import { getRoute } from '../get-route.ts';
import { findInStore, type StoreDependencies } from '../legacy/find-in-store.ts';
import { NOT_FOUND, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';
import { sendError } from '../send-error.ts';
import { sendStoredFile } from '../send-stored-file.ts';

const DOC: RouteDoc = {
  summary: 'A file of a finished build; ranges and conditions are understood',
  tag: 'files',
  answers: {
    200: { description: 'The file.', type: 'application/octet-stream' },
    206: { description: 'The range of it that was asked for.', type: 'application/octet-stream' },
    304: { description: 'The client has it already.' },
    404: NOT_FOUND,
    416: { description: 'It is shorter than that.', schema: NOT_FOUND.schema ?? {} },
    503: UNAVAILABLE,
  },
};

/** Files of finished builds, by `bin_dir`, request hash, or the folder that asu v0.3.0 would have had. */
export function storeRoutes(app: FastifyInstance, deps: StoreDependencies): void {
  getRoute<{ Params: { folder: string; name: string } }>(app, '/store/:folder/:name', DOC, (request, reply) =>
    sendFromStore(deps, request, reply, request.params.folder, request.params.name),
  );
  for (const url of ['/store', '/store/*']) {
    getRoute<{ Params: { '*'?: string } }>(app, url, DOC, (request, reply) => {
      const parts = (request.params['*'] ?? '').split('/');
      return sendFromStore(deps, request, reply, parts.slice(0, -1).join('/'), parts.at(-1) ?? '');
    });
  }
}

/** Sends a file of the store, or asu's 404. */
export async function sendFromStore(
  deps: StoreDependencies,
  request: Pick<FastifyRequest, 'method' | 'headers'>,
  reply: FastifyReply,
  folder: string,
  name: string,
): Promise<FastifyReply> {
  const file = await findInStore(deps, folder, name);
  return file ? sendStoredFile(request, reply, file, folder) : sendError(reply, simple(404, 'Not found'));
}
