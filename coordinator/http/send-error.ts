import type { FastifyReply } from 'fastify';
import type { ErrorAnswer } from './errors.ts';

/** Headers that spoke of a body that is not sent now. */
const BODY_HEADERS = [
  'content-length',
  'content-type',
  'content-range',
  'content-disposition',
  'accept-ranges',
  'cache-control',
  'etag',
  'last-modified',
];

/** Sends an error in place of whatever was going to be sent. */
export function sendError(reply: FastifyReply, answer: ErrorAnswer): FastifyReply {
  for (const name of BODY_HEADERS) reply.removeHeader(name);
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}
