import { errorCodes, type FastifyRequest } from 'fastify';
import { FarmError } from '../../shared/errors.ts';

/** Seconds until bodies that are being read have been read. */
const RETRY_AFTER_SECONDS = 5;

/** Tells what was read, or why nothing was. */
type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Reads a request's body whole, as a content type parser of fastify. Bounded like fastify's own, and told with its errors, but
 * about twice as fast: every build request passes here.
 * @param maxBytes a larger body is answered with 413.
 * @param maxTogetherBytes what all bodies that are being read may have, so that slow ones do not pile up; what is more is
 * answered with 429.
 */
export function bodyReader(
  maxBytes: number,
  maxTogetherBytes: number,
): (request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done) => void {
  let togetherBytes = 0;
  return (request, payload, done) => {
    if (Number(request.headers['content-length']) > maxBytes) {
      done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      return;
    }
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    let isDone = false;
    const finish = (error: Error | null): void => {
      if (isDone) return;
      isDone = true;
      togetherBytes -= sizeBytes;
      if (error) pieces.length = 0;
      // A copy, never a view of the buffer that the socket reads into.
      if (error) done(error);
      else done(null, Buffer.concat(pieces, sizeBytes));
    };
    payload.on('data', (piece: Buffer) => {
      if (isDone) return;
      sizeBytes += piece.byteLength;
      togetherBytes += piece.byteLength;
      if (sizeBytes > maxBytes) finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      else if (togetherBytes > maxTogetherBytes) finish(tooMany());
      else pieces.push(piece);
    });
    payload.on('end', () => finish(null));
    payload.on('close', () => {
      // Every request closes; to make an error for each would cost more than all else here.
      if (!isDone) finish(new FarmError('cancelled', 'the client went away'));
    });
    payload.on('error', (cause) => finish(Object.assign(cause, { statusCode: 400 })));
  };
}

function tooMany(): FarmError {
  return new FarmError('resource_exhausted', 'Too many requests are sent at once. Please try again later.', {
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
