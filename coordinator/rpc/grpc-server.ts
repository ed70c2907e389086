import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { AttemptsHandlers } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol, MAX_MESSAGE_BYTES } from '../../shared/attempt-protocol.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { Places } from '../places.ts';
import type { ArtifactUpload } from './artifact-upload.ts';
import { toServiceError } from './attempt-errors.ts';
import { type AttemptStreamDependencies, serveAttempt } from './attempt-stream.ts';
import { limitConnections, widenCalls, widenConnections } from './http2-limits.ts';
import { PacedReads } from './paced-reads.ts';

/** How long calls in flight may take to end when the server stops, milliseconds. */
const STOP_MS = 2_000;
/** Calls of one agent at a time: a stream for each of its 64 places, and its uploads. More wait on the agent. */
const MAX_CALLS = 128;

export interface GrpcServer extends AsyncDisposable {
  /** The port it listens on. */
  readonly port: number;
}

/** Attempt streams of one agent: as many as it may have places, and some that are broken and not known to be yet. */
const MAX_STREAMS_PER_AGENT = 1_100;

/** Starts the server that agents speak to. Disposing ends its streams; agents go on at another coordinator. */
export async function startGrpcServer(
  deps: {
    readonly stream: Omit<AttemptStreamDependencies, 'isStopping' | 'places'>;
    readonly upload: ArtifactUpload;
  },
  config: {
    readonly host: string;
    readonly port: number;
    /** More are closed at once. */
    readonly maxConnections: number;
    /** Attempt streams at once, and as many queries; more are refused with RESOURCE_EXHAUSTED. */
    readonly maxStreams: number;
  },
): Promise<GrpcServer> {
  let isStopping = false;
  const max = config.maxStreams;
  const streams = new Places({ max, maxPerHolder: max, what: 'attempt streams' });
  const ofAgents = new Places({ max, maxPerHolder: MAX_STREAMS_PER_AGENT, what: 'attempt streams' });
  const queries = new Places({ max, maxPerHolder: max, what: 'queries' });
  const serving = new Set<Promise<void>>();
  const writing = new Set<Promise<void>>();
  const paced = new PacedReads();
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Agents ping as often as this; the default would cut them off (grpc-node#1164, too_many_pings).
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.max_concurrent_streams': MAX_CALLS,
    interceptors: [paced.interceptor],
  });
  widenCalls(server);
  const handlers: AttemptsHandlers = {
    Run: (call) => {
      const place = takePlace(streams, (refusal) => call.emit('error', refusal));
      if (!place) return;
      const served = serveAttempt(call, {
        ...deps.stream,
        isStopping: () => isStopping,
        places: ofAgents,
      }).finally(() => {
        place[Symbol.dispose]();
        serving.delete(served);
      });
      serving.add(served);
    },
    WriteArtifact: (call, callback) => {
      const written = deps.upload
        .write(call.getPeer(), paced.messages(call))
        .then(
          (status) => callback(null, status),
          (thrown: unknown) => callback(toServiceError(thrown)),
        )
        .finally(() => writing.delete(written));
      writing.add(written);
    },
    QueryArtifact: (call, callback) => {
      const place = takePlace(queries, callback);
      if (!place) return;
      const queried = deps.upload.query(call.request).finally(() => place[Symbol.dispose]());
      queried.then(
        (status) => callback(null, status),
        (thrown: unknown) => callback(toServiceError(thrown)),
      );
    },
  };
  server.addService(loadAttemptProtocol().wrtfarm.v1.Attempts.service, { ...handlers });
  const port = await bind(server, `${config.host}:${config.port}`);
  widenConnections(server);
  limitConnections(server, config.maxConnections);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      isStopping = true;
      // tryShutdown alone waits for ever on open streams (grpc-node#1458).
      const stopped = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const force = setTimeout(() => server.forceShutdown(), STOP_MS);
      if (serving.size > 0) server.forceShutdown();
      await stopped.finally(() => clearTimeout(force));
      await Promise.all([...serving, ...writing]);
    },
  };
}

/** Undefined when there is none, which `refuse` then tells. */
function takePlace(
  places: Places,
  refuse: (refusal: ReturnType<typeof toServiceError>) => void,
): Disposable | undefined {
  try {
    return places.take('');
  } catch (thrown) {
    refuse(toServiceError(thrown));
    return undefined;
  }
}

async function bind(server: Server, address: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error) {
        reject(
          new FarmError('unavailable', `the gRPC server cannot listen on ${address}: ${messageOf(error)}`, {
            cause: error,
          }),
        );
      } else resolve(port);
    });
  });
}
