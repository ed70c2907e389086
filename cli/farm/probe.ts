import { Redis } from 'ioredis';
import { connect } from 'nats';
import { systemClock } from '../../shared/clock.ts';

const RETRY_MS = 50;
const TRY_MS = 2_000;

/** Resolves once a NATS server answers these credentials and its JetStream serves. Rejects only when aborted. */
export async function waitForNats(url: string, signal: AbortSignal): Promise<void> {
  const { protocol, host, username, password } = new URL(url);
  await untilItWorks(signal, async () => {
    const connection = await connect({
      servers: `${protocol}//${host}`,
      user: username,
      pass: password,
      timeout: TRY_MS,
      reconnect: false,
      inboxPrefix: '_INBOX_coordinator',
    });
    try {
      const manager = await connection.jetstreamManager({ timeout: TRY_MS });
      await manager.getAccountInfo();
    } finally {
      await connection.close();
    }
  });
}

/** Resolves once a Redis answers and has loaded its data. Rejects only when aborted. */
export async function waitForRedis(url: string, signal: AbortSignal): Promise<void> {
  await untilItWorks(signal, async () => {
    const redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: TRY_MS,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      // Refused with LOADING until the append-only file is read.
      await redis.ping();
    } finally {
      redis.disconnect();
    }
  });
}

/** Resolves once a URL answers 200. Rejects only when aborted. */
export async function waitForHttp(url: string, signal: AbortSignal): Promise<void> {
  await untilItWorks(signal, async () => {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]) });
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
  });
}

async function untilItWorks(signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      await attempt();
      return;
    } catch {
      await systemClock.sleep(RETRY_MS, signal);
    }
  }
}
