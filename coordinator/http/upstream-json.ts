import type { FastifyReply } from 'fastify';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { simple, unavailable } from './errors.ts';
import { sendError } from './send-error.ts';

/**
 * Sends JSON that was read from upstream, ready as bytes.
 * @param missing what to say, as 404, when upstream has no such thing. When it cannot be asked the answer is 502.
 */
export async function sendUpstreamJson(
  reply: FastifyReply,
  missing: string,
  read: () => Promise<Buffer | undefined>,
): Promise<FastifyReply> {
  try {
    const bytes = await read();
    if (bytes === undefined) return sendError(reply, simple(404, missing));
    return reply.type('application/json; charset=utf-8').send(bytes);
  } catch (thrown) {
    if (!hasCode(thrown, 'unavailable')) throw thrown;
    return sendError(reply, unavailable(502, FarmError.from(thrown)));
  }
}
