import { errorCodes, type FastifyRequest } from 'fastify';

/** Tells what was read, or why nothing was. */
type Done = (error: Error | null, body?: Buffer) => void;

/**
 * Reads a request's body whole, as a content type parser of fastify. Bounded like fastify's own, and told with its errors, but
 * about twice as fast: every build request passes here.
 * @param maxBytes a larger body is answered with 413.
 */
export function bodyReader(
  maxBytes: number,
): (request: FastifyRequest, payload: NodeJS.ReadableStream, done: Done) => void {
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
      // A copy, never a view of the buffer that the socket reads into.
      if (error) done(error);
      else done(null, Buffer.concat(pieces, sizeBytes));
    };
    payload.on('data', (piece: Buffer) => {
      if (isDone) return;
      sizeBytes += piece.byteLength;
      if (sizeBytes > maxBytes) finish(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
      else pieces.push(piece);
    });
    payload.on('end', () => finish(null));
    payload.on('error', (cause) => finish(Object.assign(cause, { statusCode: 400 })));
  };
}
