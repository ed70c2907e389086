import { Redis } from 'ioredis';
import { FarmError, messageOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';

/** A command that Redis does not answer for this long fails; what was asked is repeatable. */
const COMMAND_MS = 5_000;
const CONNECT_MS = 15_000;

/** A connection to Redis that comes back by itself once it stood. The caller closes it with `disconnect`. Throws `unavailable`. */
export async function connectRedis(url: string, log: Log): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3_000,
    commandTimeout: COMMAND_MS,
    maxRetriesPerRequest: null,
    retryStrategy: (tries) => Math.min(50 * tries, 1_000),
  });
  redis.on('error', (error: Error) => log.debug({ reason: error.message }, 'Redis connection'));
  const timeout = AbortSignal.timeout(CONNECT_MS);
  const ready = new Promise<void>((resolve, reject) => {
    redis.once('ready', resolve);
    timeout.addEventListener('abort', () => reject(new Error(`no connection within ${CONNECT_MS} ms`)), {
      once: true,
    });
  });
  try {
    redis.connect().catch(() => undefined);
    await ready;
    return redis;
  } catch (cause) {
    redis.disconnect();
    throw new FarmError(
      'unavailable',
      `Redis at ${new URL(url).host} does not take us: ${messageOf(cause)}`,
      { cause },
    );
  }
}
