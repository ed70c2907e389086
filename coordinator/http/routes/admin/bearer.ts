import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { simple } from '../../errors.ts';
import { sendError } from '../../send-error.ts';

/** Lets pass who bears the token (RFC 6750), and tells all others 401; how long that takes tells nothing of the token. */
export function bearerOf(token: string): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const wanted = sha256(token);
  return async (request, reply) => {
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (timingSafeEqual(sha256(given), wanted)) return;
    const detail = given === '' ? 'This needs the bearer token of the operator' : 'The bearer token is wrong';
    sendError(reply, simple(401, detail, { 'www-authenticate': 'Bearer' }));
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
