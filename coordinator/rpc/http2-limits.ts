import type { Http2Server, Settings } from 'node:http2';
import type { Server } from '@grpc/grpc-js';
import { FarmError } from '../../shared/errors.ts';

/**
 * Bytes an agent may send, in one call and on one connection, before it hears that they were read. The 64 KB of http2 let an
 * agent that is 50 ms away send 0.8 MB/s; this is 160 MB/s. What a call that is not read holds is at most as much.
 */
export const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;

/*
 * What @grpc/grpc-js has no option for (grpc-node#3058, 1.14.7): this reaches for the http2 servers that a gRPC server keeps to
 * itself, and throws `internal` when a later version keeps them elsewhere.
 */

/** Widens what its clients may send ahead in a call. To be called before it listens. */
export function widenCalls(server: Server): void {
  const options = own(server, 'commonServerOptions', isObject);
  const settings = options.settings as Settings | undefined;
  options.settings = { ...settings, initialWindowSize: RECEIVE_WINDOW_BYTES };
}

/** Widens what they may send ahead on a connection, which each session says for itself. To be called as soon as it listens. */
export function widenConnections(server: Server): void {
  for (const listener of listenersOf(server)) {
    listener.on('session', (session) => session.setLocalWindowSize(RECEIVE_WINDOW_BYTES));
  }
}

/** Closes connections beyond that many at once. To be called as soon as it listens. */
export function limitConnections(server: Server, max: number): void {
  for (const listener of listenersOf(server)) listener.maxConnections = max;
}

function listenersOf(server: Server): Iterable<Http2Server> {
  return own(server, 'http2Servers', isMap).keys() as Iterable<Http2Server>;
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
