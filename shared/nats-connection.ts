import { connect, type NatsConnection } from 'nats';
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { FarmError, messageOf } from './errors.ts';
import { steadyDelay } from './steady-delay.ts';

export interface NatsOptions {
  /** `nats://user:password@host:port`. */
  readonly url: string;
  /** Shown in the server's own monitoring. */
  readonly name: string;
  /** Subjects below it are the only ones this connection is answered on. */
  readonly inboxPrefix: string;
  /** How long to try before the first connection, milliseconds. Default 15 s. */
  readonly connectMs?: number;
  readonly signal?: AbortSignal;
  readonly clock: Clock;
}

/** A connection that comes back by itself for ever once it stood. The caller closes it. Throws `unavailable`. */
export async function connectNats(options: NatsOptions): Promise<NatsConnection> {
  const { url, name, inboxPrefix, connectMs = 15_000, signal, clock } = options;
  const parsed = new URL(url);
  const credentials = parsed.username
    ? { user: decodeURIComponent(parsed.username), pass: decodeURIComponent(parsed.password) }
    : {};
  const deadline = clock.steadyMs() + connectMs;
  const backoff = new Backoff({ minMs: 50, maxMs: 1_000 });
  for (;;) {
    try {
      return await connect({
        servers: `${parsed.protocol}//${parsed.host}`,
        ...credentials,
        name,
        inboxPrefix,
        timeout: 5_000,
        maxReconnectAttempts: -1,
        reconnectDelayHandler: steadyDelay(100 + Math.random() * 100),
        pingInterval: 5_000,
        maxPingOut: 2,
      });
    } catch (cause) {
      if (signal?.aborted || clock.steadyMs() >= deadline || isRefusal(cause)) {
        throw new FarmError('unavailable', `NATS at ${parsed.host} does not take us: ${messageOf(cause)}`, {
          cause,
        });
      }
      await clock.sleep(backoff.nextMs(), signal);
    }
  }
}

function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'AUTHORIZATION_VIOLATION';
}
