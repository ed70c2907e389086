import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { SHA256_PATTERN } from '../../../shared/digest.ts';
import { FarmError } from '../../../shared/errors.ts';
import type { BuildRecord } from '../../builds/build-record.ts';
import { getRoute } from '../get-route.ts';
import { NOT_FOUND, okText, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const URL_PATTERN = '/api/v1/build/:hash/log';

const DOC: RouteDoc = {
  summary: 'The log of a build; with follow=1 as it is written, until the build ends',
  tag: 'builds',
  query: Type.Object({ follow: Type.Optional(Type.Enum(['1', 'true'])) }),
  answers: { ...okText('What the ImageBuilder says.', 'text/plain'), 404: NOT_FOUND, 503: UNAVAILABLE },
};

export interface BuildLogRouteDependencies {
  get(requestHash: string): Promise<BuildRecord | undefined>;
  read(requestHash: string, follow: boolean, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** The log of a build as plain text; with `?follow=1` as it is written, until the build ends. */
export function buildLogRoutes(app: FastifyInstance, deps: BuildLogRouteDependencies): void {
  getRoute<{ Params: { hash: string }; Querystring: { follow?: string } }>(
    app,
    URL_PATTERN,
    DOC,
    async (request, reply) => {
      const { hash } = request.params;
      const isKnown = new RegExp(SHA256_PATTERN).test(hash) && (await deps.get(hash)) !== undefined;
      if (!isKnown) throw new FarmError('not_found', 'could not find provided request hash');
      reply.headers({
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      if (request.method === 'HEAD') return reply.send();
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const follow = request.query.follow === '1' || request.query.follow === 'true';
      return reply.send(Readable.from(deps.read(hash, follow, gone.signal), { objectMode: false }));
    },
  );
}
