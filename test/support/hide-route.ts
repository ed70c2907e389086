import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server that is another one, but for what it does not know. */
export interface HidingServer extends AsyncDisposable {
  readonly url: string;
  /** Paths of the requests it denied. */
  readonly denied: readonly string[];
}

/** Passes everything on to `base`, and answers `status` where the path is one of those hidden. */
export async function hideRoute(base: string, hidden: RegExp, status: number): Promise<HidingServer> {
  const denied: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '';
    if (hidden.test(path)) {
      denied.push(path);
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}');
      return;
    }
    const { method, headers } = incoming;
    const passed = request(new URL(path, base), { method, headers, agent: false }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    denied,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
