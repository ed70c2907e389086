import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { SHA256_PATTERN } from '../../../shared/digest.ts';
import { FarmError } from '../../../shared/errors.ts';
import type { BuildNews } from '../../follow/build-follower.ts';
import { type FollowDependencies, sendFollowed } from '../follow-reply.ts';
import { getRoute } from '../get-route.ts';
import { NOT_FOUND, okText, TOO_MANY, UNAVAILABLE } from '../openapi/answers.ts';
import type { RouteDoc } from '../openapi/route-doc.ts';

const HASH = new RegExp(SHA256_PATTERN);

const DOC: RouteDoc = {
  summary: 'The log of a build; with follow=1 as it is written, until the build ends',
  tag: 'builds',
  query: Type.Object({ follow: Type.Optional(Type.Enum(['1', 'true'])) }),
  answers: {
    ...okText('What the ImageBuilder says.', 'text/plain'),
    404: NOT_FOUND,
    429: TOO_MANY,
    503: UNAVAILABLE,
  },
};

/** The log of a build as plain text; with `?follow=1` as it is written, until the build ends. */
export function buildLogRoutes(app: FastifyInstance, deps: FollowDependencies): void {
  getRoute<{ Params: { hash: string }; Querystring: { follow?: string } }>(
    app,
    '/api/v1/build/:hash/log',
    DOC,
    async (request, reply) => {
      const { hash } = request.params;
      await requireBuild(deps, hash);
      const follow = request.query.follow === '1' || request.query.follow === 'true';
      return sendFollowed(deps, reply, 'text/plain', (signal) =>
        textOf(deps.follower.follow(hash, { follow, signal })),
      );
    },
  );
}

/** Throws `not_found` unless there is such a build. */
export async function requireBuild({ get }: Pick<FollowDependencies, 'get'>, hash: string): Promise<void> {
  if (HASH.test(hash) && (await get(hash))) return;
  throw new FarmError('not_found', 'could not find provided request hash');
}

async function* textOf(news: AsyncIterable<BuildNews>): AsyncGenerator<Buffer> {
  for await (const each of news) {
    if (each.kind === 'log') yield each.bytes;
    if (each.kind === 'lost')
      yield note(`attempt ${each.attempt} was lost; this is attempt ${each.next.attempt}`);
    if (each.kind === 'gap')
      yield note(`${each.skippedBytes} bytes are left out: this reader is slower than the build`);
  }
}

function note(text: string): Buffer {
  return Buffer.from(`\n--- ${text} ---\n`);
}
