import { FarmError, messageOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { FarmRedis } from './farm-redis.ts';

const CONNECT_MS = 15_000;

/** A connection to Redis that comes back by itself once it stood. The caller closes it with `disconnect`. Throws `unavailable`. */
export async function connectRedis(url: string, log: Log): Promise<FarmRedis> {
  const redis = new FarmRedis(url, log);
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
