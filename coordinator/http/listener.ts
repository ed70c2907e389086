import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type RequestListener,
  type Server,
  ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import { CORS_HEADERS, PREFLIGHT_HEADERS } from './cors.ts';

/** How long clients may take, milliseconds. */
export interface ListenerTimes {
  /** For the headers of a request. */
  readonly headersMs: number;
  /** For a whole request with its body: a half-sent one holds its connection no longer. */
  readonly requestMs: number;
  /** Between two requests of a connection. Above the usual idle time of proxies, so that these close first. */
  readonly keepAliveMs: number;
}

export const LISTENER_TIMES: ListenerTimes = { headersMs: 15_000, requestMs: 60_000, keepAliveMs: 75_000 };

/** Every response bears the CORS headers, whoever writes its head: all ways of sending one lead here. */
class CorsResponse extends ServerResponse {
  override writeHead(status: number, ...rest: readonly unknown[]): this {
    const [headers] = rest;
    if (rest.length === 1 && typeof headers === 'object' && !Array.isArray(headers)) {
      const isReady = headers !== null && 'access-control-allow-origin' in headers;
      return super.writeHead(
        status,
        isReady ? (headers as OutgoingHttpHeaders) : { ...CORS_HEADERS, ...headers },
      );
    }
    for (const [name, value] of Object.entries(CORS_HEADERS)) this.setHeader(name, value);
    return super.writeHead(status, ...(rest as [OutgoingHttpHeaders?]));
  }
}

/**
 * A server that answers preflights and puts the CORS headers on every response before anything else can fail. The body of a
 * request is read by `handler`.
 */
export function createListener(handler: RequestListener, times: ListenerTimes): Server {
  const options = {
    headersTimeout: times.headersMs,
    requestTimeout: times.requestMs,
    keepAliveTimeout: times.keepAliveMs,
    ServerResponse: CorsResponse,
    // Embedded clients may leave it out, and nothing here depends on it.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(5_000, times.headersMs),
  };
  const server = createServer(options, (request, response) => {
    dropBrokenType(request.headers);
    if (request.method !== 'OPTIONS') {
      handler(request, response);
      return;
    }
    request.resume();
    response.writeHead(204, PREFLIGHT_HEADERS).end();
  });
  // Node answers this by itself, and without any header of ours.
  server.on('checkExpectation', (request, response) => {
    request.resume();
    const { headers, text } = plainError(417);
    response.writeHead(417, headers).end(text);
  });
  return server;
}

/** An error in the form of all others, for where the framework is not reached. */
function plainError(status: number): {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
} {
  const text = JSON.stringify({ detail: STATUS_CODES[status], status });
  const headers = {
    ...CORS_HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  };
  return { headers, text };
}

/** A content type that is none counts as none, as with asu: the framework would answer 415. */
function dropBrokenType(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'];
  if (type !== undefined && !/^\s*[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(?:;|$)/.test(type))
    delete headers['content-type'];
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Tells a client that what it sent is not HTTP, or came too late, in the form of all other errors; then hangs up. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
  const { headers, text } = plainError(status);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`);
  socket.destroySoon();
}
