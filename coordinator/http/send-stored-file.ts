import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StoredFile } from '../artifacts/artifact-store.ts';
import { parseByteRange } from './byte-range.ts';
import { simple } from './errors.ts';
import { isNotModified, mayUseRange } from './preconditions.ts';
import { sendError } from './send-error.ts';

/** A client that takes no byte for so long is hung up on, milliseconds. */
const STALLED_MS = 120_000;

/**
 * Sends a file, or the range of it that is asked for (contract 2.10): never compressed, always with its length, and never
 * redirected unless the operator wants that.
 * @param folder by which the client asked for it.
 */
export function sendStoredFile(
  request: Pick<FastifyRequest, 'method' | 'headers'>,
  reply: FastifyReply,
  file: StoredFile,
  folder: string,
): FastifyReply | Promise<FastifyReply> {
  if (file.redirectUrl && request.method !== 'HEAD') return redirect(reply, file.redirectUrl);
  describe(reply, file, folder);
  reply.raw.setTimeout(STALLED_MS);
  const send = request.method === 'HEAD' ? sendHead : sendFile;
  return send(reply, file, request.headers);
}

/** The place is good for a while only, so nobody is to remember it. HEAD is answered here: a signed URL is for one method. */
async function redirect(reply: FastifyReply, url: () => Promise<string>): Promise<FastifyReply> {
  return reply.header('cache-control', 'no-store').redirect(await url(), 302);
}

/** What is true of every answer about this file. */
function describe(reply: FastifyReply, file: StoredFile, folder: string): void {
  reply.headers({
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${file.name}"`,
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    etag: etagOf(file),
    'last-modified': new Date(file.finishedAt).toUTCString(),
    // The same name under a request hash means other bytes once the build was made anew.
    'cache-control': file.binDir === folder ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
}

function sendHead(reply: FastifyReply, file: StoredFile, headers: IncomingHttpHeaders): FastifyReply {
  if (isNotModified(headers, validatorOf(file))) return reply.code(304).send();
  return reply.header('content-length', String(file.sizeBytes)).send();
}

function sendFile(reply: FastifyReply, file: StoredFile, headers: IncomingHttpHeaders): FastifyReply {
  const validator = validatorOf(file);
  if (isNotModified(headers, validator)) return reply.code(304).send();
  const range = mayUseRange(headers, validator) ? parseByteRange(headers.range, file.sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    const answer = simple(416, 'Requested range not satisfiable');
    return sendError(reply, { ...answer, headers: { 'content-range': `bytes */${file.sizeBytes}` } });
  }
  if (!range) return reply.header('content-length', String(file.sizeBytes)).send(file.read());
  return reply
    .code(206)
    .header('content-length', String(range.end - range.start + 1))
    .header('content-range', `bytes ${range.start}-${range.end}/${file.sizeBytes}`)
    .send(file.read(range));
}

function validatorOf(file: StoredFile): { readonly etag: string; readonly modifiedAt: number } {
  return { etag: etagOf(file), modifiedAt: file.finishedAt };
}

function etagOf(file: StoredFile): string {
  return `"${file.sha256}"`;
}
