import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { BuildRecord } from '../builds/build-record.ts';
import type { BuildFollower } from '../follow/build-follower.ts';
import type { Places } from '../places.ts';
import type { HttpDependencies } from './dependencies.ts';

/** What the routes need that show a build while it is made. */
export interface FollowDependencies {
  readonly get: (requestHash: string) => Promise<BuildRecord | undefined>;
  readonly follower: Pick<BuildFollower, 'follow'>;
  readonly ownerOf: HttpDependencies['ownerOf'];
  readonly places: Places;
  /** Ends all followers at once: their clients go on at another coordinator. */
  readonly closing: AbortSignal;
}

/**
 * Sends what comes, as it comes and no faster than the client takes it, until the end, the client's or this server's.
 * @throws FarmError `resource_exhausted` when too many follow.
 */
export function sendFollowed(
  deps: Pick<FollowDependencies, 'ownerOf' | 'places' | 'closing'>,
  reply: FastifyReply,
  contentType: string,
  open: (signal: AbortSignal) => AsyncIterable<Buffer>,
): FastifyReply {
  const place = deps.places.take(deps.ownerOf(reply.request.raw).client);
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
    place[Symbol.dispose]();
  };
  reply.raw.once('close', leave);
  // A client that went while its build was looked up tells it no more.
  if (reply.raw.destroyed) leave();
  reply.headers({
    'content-type': `${contentType}; charset=utf-8`,
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  if (reply.request.method === 'HEAD') return reply.send();
  return reply.send(Readable.from(open(AbortSignal.any([gone.signal, deps.closing])), { objectMode: false }));
}
