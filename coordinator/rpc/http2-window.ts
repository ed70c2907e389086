import type { EventEmitter } from 'node:events';
import type { ServerHttp2Session, Settings } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { FarmError } from '../../shared/errors.ts';

/**
 * Bytes an agent may send, in one call and on one connection, before it hears that they were read. The 64 KB of http2 let an
 * agent that is 50 ms away send 0.8 MB/s; this is 160 MB/s. What a call that is not read holds is at most as much.
 */
export const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;

/**
 * Widens what a gRPC server lets its clients send ahead. Call `widenCalls` before it listens and `widenConnections` as soon as it
 * does. The server of @grpc/grpc-js knows no option for it (grpc-node#3058, 1.14.7), so this reaches for the http2 servers it
 * keeps to itself, and throws `internal` when a later version keeps them elsewhere.
 */
export function widenCalls(server: Server): void {
  const options = own(server, 'commonServerOptions', isObject);
  const settings = options.settings as Settings | undefined;
  options.settings = { ...settings, initialWindowSize: RECEIVE_WINDOW_BYTES };
}

/** The window of a connection is no setting of http2: each session says it by itself. */
export function widenConnections(server: Server): void {
  for (const listener of own(server, 'http2Servers', isMap).keys()) {
    (listener as EventEmitter).on('session', (session: ServerHttp2Session) =>
      session.setLocalWindowSize(RECEIVE_WINDOW_BYTES),
    );
  }
}

function own<T>(server: Server, name: string, isWanted: (value: unknown) => value is T): T {
  const value: unknown = Reflect.get(server, name);
  if (isWanted(value)) return value;
  throw new FarmError('internal', `the server of this version of @grpc/grpc-js has no ${name}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isMap(value: unknown): value is Map<unknown, unknown> {
  return value instanceof Map && value.size > 0;
}
