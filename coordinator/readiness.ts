import type { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { messageOf } from '../shared/errors.ts';
import type { Catalog } from './catalog/catalog.ts';
import { failingText } from './catalog/failing-documents.ts';
import type { Readiness } from './http/dependencies.ts';

/** A dependency that does not answer within this time is not there, milliseconds. */
const CHECK_MS = 1_000;

/** Whether this coordinator can take requests: Redis and NATS answer. A stale catalog is told and harms nothing. */
export async function checkReadiness(deps: {
  readonly redis: Redis;
  readonly connection: NatsConnection;
  readonly catalog: Pick<Catalog, 'failing'>;
}): Promise<Readiness> {
  const [redis, nats] = await Promise.all([
    check(async () => {
      await deps.redis.ping();
    }),
    check(async () => {
      await deps.connection.flush();
    }),
  ]);
  const stale = failingText(deps.catalog.failing());
  return {
    ready: redis.ok && nats.ok,
    checks: {
      redis,
      nats,
      catalog: stale === undefined ? { ok: true } : { ok: true, detail: stale },
    },
  };
}

async function check(work: () => Promise<void>): Promise<{ readonly ok: boolean; readonly detail?: string }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_MS} ms`)), CHECK_MS);
  });
  try {
    await Promise.race([work(), late]);
    return { ok: true };
  } catch (thrown) {
    return { ok: false, detail: messageOf(thrown) };
  } finally {
    clearTimeout(timer);
  }
}
