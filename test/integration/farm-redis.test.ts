import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FarmRedis } from '../../coordinator/farm-redis.ts';
import { connectRedis } from '../../coordinator/redis.ts';
import { silentLog } from '../../shared/log.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

const UNAVAILABLE = { code: 'unavailable', details: { service: 'database' } };

let server: TestRedis;
let redis: FarmRedis;

beforeEach(async () => {
  server = await startRedis();
  redis = await connectRedis(server.url, silentLog);
});

afterEach(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

test('a command that is not answered in time is unavailable, and so are those after it, at once', async () => {
  server.freeze();
  await expect(redis.get('a')).rejects.toMatchObject(UNAVAILABLE);
  const further = [redis.get('a'), redis.evalsha('0', 0), redis.multi().get('a').exec()];
  const outcome = Promise.allSettled(further);
  expect(await Promise.race([outcome, nextTurn('waits')])).toMatchObject(
    further.map(() => ({ status: 'rejected', reason: UNAVAILABLE })),
  );
  expect(await redis.pipeline().get('a').get('b').exec()).toMatchObject([[UNAVAILABLE], [UNAVAILABLE]]);
});

test('once Redis answers again, commands are done', async () => {
  server.freeze();
  await expect(redis.get('a')).rejects.toMatchObject(UNAVAILABLE);
  server.thaw();
  expect(await eventually(() => redis.set('a', '1'))).toBe('OK');
  expect(await redis.get('a')).toBe('1');
});

test('a Redis that died and came back is connected to again, by whoever waits for it', async () => {
  await redis.set('a', '1');
  const restarted = server.crash();
  expect(await eventually(() => redis.get('a'))).toBe('1');
  await restarted;
});

test('a closed connection is unavailable', async () => {
  redis.disconnect();
  await expect(redis.hgetall('a')).rejects.toMatchObject(UNAVAILABLE);
});

test('what Redis says of a command stays as it is', async () => {
  await redis.set('a', '1');
  await expect(redis.hget('a', 'b')).rejects.toThrow(/^WRONGTYPE /);
  await expect(redis.evalsha('0'.repeat(40), 0)).rejects.toThrow(/^NOSCRIPT /);
});

test('a Redis that is full is unavailable', async () => {
  await redis.config('SET', 'maxmemory', '1');
  await expect(redis.set('a', '1')).rejects.toMatchObject(UNAVAILABLE);
  await expect(redis.eval("return redis.call('SET', 'a', '1')", 0)).rejects.toMatchObject(UNAVAILABLE);
});
