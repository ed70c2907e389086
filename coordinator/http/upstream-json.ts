import type { FastifyReply } from 'fastify';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { simple } from './errors.ts';
import { sendError } from './send-error.ts';

const RETRY_SECONDS = 5;

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
    return sendError(reply, simple(502, unreadable(thrown), { 'retry-after': String(RETRY_SECONDS) }));
  }
}

/** The reason may name hosts of this farm, so it is for the log. */
function unreadable(thrown: unknown): string {
  const { document } = FarmError.from(thrown).details;
  const what = typeof document === 'string' ? document : 'The list';
  return `${what} could not be read from upstream. Please try again later.`;
}
