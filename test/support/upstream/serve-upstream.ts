import { createReadStream, type Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, normalize, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FarmError } from '../../../shared/errors.ts';
import { type FaultKind, type FaultOptions, respondFaulty, UpstreamFaults } from './upstream-faults.ts';

export interface ServeUpstreamOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
}

/** A mirror over HTTP. Disposing it ends all connections, hanging ones too. */
export interface UpstreamServer extends AsyncDisposable {
  /** `http://127.0.0.1:41234`, without a trailing slash. */
  readonly url: string;
  /** How often a path such as `/.versions.json` was asked for, whatever the answer; without a path: all requests. */
  requests(path?: string): number;
  /** Requests whose path fits the pattern fail so from now on. */
  fault(pattern: RegExp, kind: FaultKind, options?: FaultOptions): void;
  clearFaults(): void;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.sig': 'text/plain',
  '.conf': 'text/plain',
};

/** Serves the files below `root`: GET and HEAD, conditional requests, one byte range. Throws `unavailable` when the port is taken. */
export async function serveUpstream(
  root: string,
  options: ServeUpstreamOptions = {},
): Promise<UpstreamServer> {
  const counts = new Map<string, number>();
  const faults = new UpstreamFaults();
  const server = createServer((request, response) => {
    const path = pathOf(request);
    counts.set(path, (counts.get(path) ?? 0) + 1);
    // A client that goes away in the middle is no failure of the mirror.
    respond(root, path, request, response, faults).catch(() => response.destroy());
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) =>
      fail(new FarmError('unavailable', `cannot listen on ${host}:${options.port ?? 0}`, { cause })),
    );
    server.listen(options.port ?? 0, host, done);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://${host}:${port}`,
    requests: (path) =>
      path === undefined
        ? [...counts.values()].reduce((sum, each) => sum + each, 0)
        : (counts.get(path) ?? 0),
    fault: (pattern, kind, faultOptions) => faults.add(pattern, kind, faultOptions),
    clearFaults: () => faults.clear(),
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function pathOf(request: IncomingMessage): string {
  const [path = '/'] = (request.url ?? '/').split('?');
  try {
    return normalize(decodeURIComponent(path));
  } catch {
    return path;
  }
}

async function respond(
  root: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  faults: UpstreamFaults,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  // Pages of other origins read lists and profiles here, as from OpenWrt's own server.
  response.setHeader('access-control-allow-origin', '*');
  const file = resolve(root, `.${path}`);
  const stats = file.startsWith(resolve(root) + sep) ? await stat(file).catch(() => undefined) : undefined;
  const found = stats?.isFile() ? stats : undefined;
  const fault = faults.strike(path);
  if (fault) {
    await respondFaulty(response, fault, found ? await readFile(file) : Buffer.alloc(0));
    return;
  }
  if (!found) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('Not Found\n');
    return;
  }
  await sendFile(file, found, request, response);
}

async function sendFile(
  file: string,
  stats: Stats,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const etag = `"${Math.floor(stats.mtimeMs).toString(16)}-${stats.size.toString(16)}"`;
  response.setHeader('etag', etag);
  response.setHeader('last-modified', stats.mtime.toUTCString());
  response.setHeader('accept-ranges', 'bytes');
  if (isUnchanged(request, etag, stats)) {
    response.writeHead(304).end();
    return;
  }
  const range = byteRange(request.headers.range, stats.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${stats.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: stats.size - 1 };
  if (range) response.setHeader('content-range', `bytes ${start}-${end}/${stats.size}`);
  response.writeHead(range ? 206 : 200, {
    'content-type': CONTENT_TYPES[extname(file)] ?? 'application/octet-stream',
    'content-length': end - start + 1,
  });
  if (request.method === 'HEAD' || stats.size === 0) response.end();
  else await pipeline(createReadStream(file, { start, end }), response);
}

function isUnchanged(request: IncomingMessage, etag: string, stats: Stats): boolean {
  const match = request.headers['if-none-match'];
  if (match !== undefined) {
    return match.split(',').some((each) => ['*', etag, `W/${etag}`].includes(each.trim()));
  }
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return Math.floor(stats.mtimeMs / 1000) * 1000 <= since;
}

/** One range of a Range header; `undefined` for none, or for what a server may ignore (RFC 9110, section 14.2). */
function byteRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || start > end ? 'unsatisfiable' : { start, end };
}
