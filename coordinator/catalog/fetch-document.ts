import { type Dispatcher, fetch, type Response } from 'undici';
import { FarmError, messageOf } from '../../shared/errors.ts';

/** Bounds of one exchange with upstream. */
export interface FetchLimits {
  /** Longest silence of upstream, before its headers and between two pieces of a body, milliseconds. */
  readonly idleMs: number;
  /** Longest whole exchange, milliseconds. */
  readonly totalMs: number;
}

export const DEFAULT_FETCH_LIMITS: FetchLimits = { idleMs: 5_000, totalMs: 30_000 };

/** What tells upstream which bytes we have. */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export type FetchedDocument =
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly validators: Validators }
  | { readonly kind: 'unchanged' }
  /** Upstream says there is no such document: 404 or 410. */
  | { readonly kind: 'missing' };

export interface FetchRequest {
  readonly url: string;
  readonly maxBytes: number;
  readonly limits: FetchLimits;
  readonly validators: Validators | undefined;
  readonly signal: AbortSignal;
  readonly dispatcher: Dispatcher;
}

/**
 * Reads one document over HTTP, asking conditionally when validators are given. Follows redirects.
 * @throws FarmError `unavailable` for any other status, silence, a broken or oversized body.
 */
export async function fetchDocument(request: FetchRequest): Promise<FetchedDocument> {
  const { idleMs, totalMs } = request.limits;
  const abort = new AbortController();
  const onClosing = (): void => abort.abort(request.signal.reason);
  const idleTimer = setTimeout(() => abort.abort(new Error(`upstream was silent for ${idleMs} ms`)), idleMs);
  const totalTimer = setTimeout(() => abort.abort(new Error(`upstream took over ${totalMs} ms`)), totalMs);
  request.signal.addEventListener('abort', onClosing, { once: true });
  try {
    request.signal.throwIfAborted();
    const headers = requestHeaders(request.validators);
    const response = await fetch(request.url, {
      signal: abort.signal,
      headers,
      dispatcher: request.dispatcher,
    });
    const answered = await withoutBody(response, request.validators);
    if (answered) return answered;
    const bytes = await readBody(response, request.maxBytes, () => idleTimer.refresh());
    const validators = {
      etag: response.headers.get('etag') ?? undefined,
      lastModified: response.headers.get('last-modified') ?? undefined,
    };
    return { kind: 'bytes', bytes, validators };
  } catch (cause) {
    if (cause instanceof FarmError) throw cause;
    throw new FarmError('unavailable', describeFailure(cause), { cause });
  } finally {
    clearTimeout(idleTimer);
    clearTimeout(totalTimer);
    request.signal.removeEventListener('abort', onClosing);
  }
}

function requestHeaders(validators: Validators | undefined): Record<string, string> {
  return {
    'user-agent': 'wrtfarm',
    ...(validators?.etag ? { 'if-none-match': validators.etag } : {}),
    ...(validators?.lastModified ? { 'if-modified-since': validators.lastModified } : {}),
  };
}

async function withoutBody(
  response: Response,
  validators: Validators | undefined,
): Promise<FetchedDocument | undefined> {
  if (response.status === 200) return undefined;
  await response.body?.cancel();
  if (response.status === 304 && validators) return { kind: 'unchanged' };
  if (response.status === 404 || response.status === 410) return { kind: 'missing' };
  throw new FarmError('unavailable', `upstream answered HTTP ${response.status}`);
}

async function readBody(response: Response, maxBytes: number, onPiece: () => void): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    onPiece();
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes) {
      throw new FarmError('unavailable', `upstream sent more than ${maxBytes} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** fetch hides why a connection failed in its error's cause. */
function describeFailure(thrown: unknown): string {
  const inner = thrown instanceof Error && thrown.cause !== undefined ? `: ${messageOf(thrown.cause)}` : '';
  return `${messageOf(thrown)}${inner}`;
}
