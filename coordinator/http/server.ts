import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Log } from '../../shared/log.ts';
import type { HttpDependencies } from './dependencies.ts';
import { errorAnswer, simple } from './errors.ts';
import { answerClientError, createListener, LISTENER_TIMES, type ListenerTimes } from './listener.ts';
import { normalizeUrl } from './normalize-url.ts';
import { collectRouteDocs } from './openapi/openapi-document.ts';
import { bodyReader } from './read-body.ts';
import { addRoutes } from './routes.ts';
import { sendError } from './send-error.ts';
import { cutStalled } from './stalled-clients.ts';

/** Largest body a client may send, bytes. Clients send up to 256 KB (pitfall 18), and a build must fit a NATS message of 1 MiB. */
const MAX_BODY_BYTES = 1024 ** 2;
/** Bytes of all bodies that are being read. */
const MAX_BODIES_BYTES = 128 * 1024 ** 2;
/** A client that takes nothing of what it is sent for this long is cut off, milliseconds. */
const STALLED_MS = 60_000;
/** A target that needs no normalising, as nearly all are; told faster than it is normalised. */
const PLAIN_URL = /^(?:\/[^/?]+)+$/;
/** How often idle connections are closed while the server stops, milliseconds. */
const CLOSE_IDLE_EVERY_MS = 50;

export interface HttpServerConfig {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly times?: ListenerTimes;
  /** More are closed at once. Default 10 000. */
  readonly maxConnections?: number;
  /** Of all bodies that are being read; more is answered with 429. Default 128 MiB. */
  readonly maxBodiesBytes?: number;
  /** A client that takes nothing for this long is cut off, milliseconds. Default a minute. */
  readonly stalledMs?: number;
  /** How long requests under way may take when the server closes, milliseconds. Default 10 000. */
  readonly closeMs?: number;
}

/** A listening server. Disposing takes no new connections, lets what is under way finish, and cuts what lasts too long. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  /** Without a slash at its end. */
  readonly url: string;
}

/** Serves the client API. Rejects, with nothing left open, when it cannot listen. Whoever starts it disposes it. */
export async function startHttpServer(deps: HttpDependencies, config: HttpServerConfig): Promise<HttpServer> {
  const app = createApp(deps, config);
  app.server.maxConnections = config.maxConnections ?? 10_000;
  const sweeper = cutStalled(app.server, config.stalledMs ?? STALLED_MS);
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (thrown) {
    sweeper[Symbol.dispose]();
    await app.close();
    throw thrown;
  }
  const { port } = app.server.address() as AddressInfo;
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  let closing: Promise<void> | undefined;
  return {
    port,
    url: `http://${host}:${port}`,
    [Symbol.asyncDispose]: () => {
      closing ??= close(app, config.closeMs ?? 10_000).finally(() => sweeper[Symbol.dispose]());
      return closing;
    },
  };
}

function createApp(deps: HttpDependencies, config: HttpServerConfig): FastifyInstance {
  const times = config.times ?? LISTENER_TIMES;
  const app = fastify({
    serverFactory: (handler) => createListener(handler, times),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => answerError(deps.log, error, request, reply),
    rewriteUrl: ({ url = '/' }) => (PLAIN_URL.test(url) ? url : normalizeUrl(url)),
    routerOptions: { maxParamLength: 1_000 },
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    return503OnClosing: false,
  });
  const docs = collectRouteDocs(app);
  // Bodies stay bytes: what their content type means is told by contract 2.2, not by the framework.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    ['application/json', '*'],
    bodyReader(MAX_BODY_BYTES, config.maxBodiesBytes ?? MAX_BODIES_BYTES),
  );
  app.setErrorHandler((thrown, request, reply) => answerError(deps.log, thrown, request, reply));
  app.setNotFoundHandler((_request, reply) => sendError(reply, simple(404, 'Not Found')));
  addRoutes(app, deps, docs);
  return app;
}

function answerError(log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const answer = errorAnswer(thrown);
  if (answer.isOurFault) {
    log.error({ err: thrown, method: request.method, route: request.routeOptions.url }, 'a request failed');
  }
  sendError(reply, answer);
}

async function close(app: FastifyInstance, closeMs: number): Promise<void> {
  const stopping = new AbortController();
  const cut = sleep(closeMs, undefined, { signal: stopping.signal }).then(
    () => app.server.closeAllConnections(),
    () => undefined,
  );
  // A connection that becomes idle only now would otherwise be waited for until its keep-alive ends.
  const closeIdle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
  try {
    await app.close();
  } finally {
    clearInterval(closeIdle);
    stopping.abort();
    await cut;
  }
}
