import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FarmError } from '../../../shared/errors.ts';
import type { BuildRecord } from '../../builds/build-record.ts';
import { allowOnly } from '../allow-only.ts';

const URL_PATTERN = '/api/v1/build/:hash/log';

export interface BuildLogRouteDependencies {
  get(requestHash: string): Promise<BuildRecord | undefined>;
  read(requestHash: string, follow: boolean, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** The log of a build as plain text; with `?follow=1` as it is written, until the build ends. */
export function buildLogRoutes(app: FastifyInstance, deps: BuildLogRouteDependencies): void {
  app.get(
    URL_PATTERN,
    async (
      request: FastifyRequest<{ Params: { hash: string }; Querystring: { follow?: string } }>,
      reply,
    ) => {
      const { hash } = request.params;
      const isKnown = /^[0-9a-f]{64}$/.test(hash) && (await deps.get(hash)) !== undefined;
      if (!isKnown) throw new FarmError('not_found', 'could not find provided request hash');
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const follow = request.query.follow === '1' || request.query.follow === 'true';
      return await reply
        .header('content-type', 'text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(Readable.from(deps.read(hash, follow, gone.signal), { objectMode: false }));
    },
  );
  allowOnly(app, URL_PATTERN, ['GET']);
}
