import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { ATTEMPT_MOVES, ATTEMPT_STATES } from '../../shared/domain/attempt-state.ts';
import { BUILD_MOVES, BUILD_STATES } from '../../shared/domain/build.ts';
import { assetPath } from '../../shared/package-root.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

const COMMON = readFileSync(assetPath('coordinator/builds/lua/common.lua'), 'utf8');
const HASH = 'a'.repeat(64);
const KEY = `wrtfarm:build:${HASH}`;
const GENERATION = '1'.repeat(32);

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});

afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

const PAIRS = BUILD_STATES.flatMap((from) => BUILD_STATES.map((to) => ({ from, to })));

test.each(PAIRS)('a build goes from $from to $to only where the table says so', async ({ from, to }) => {
  await redis.hset(KEY, 'state', from);
  const moved = redis.eval(
    `${COMMON} move(a.hash, a.to) return 'moved'`,
    0,
    JSON.stringify({ hash: HASH, to }),
  );
  if (BUILD_MOVES[from].includes(to)) {
    expect(await moved).toBe('moved');
    expect(await redis.hget(KEY, 'state')).toBe(to);
  } else {
    await expect(moved).rejects.toThrow(`cannot go from ${from} to ${to}`);
    expect(await redis.hget(KEY, 'state')).toBe(from);
  }
});

const ATTEMPT_PAIRS = ATTEMPT_STATES.flatMap((from) => ATTEMPT_STATES.map((to) => ({ from, to })));

test.each(ATTEMPT_PAIRS)(
  'an attempt goes from $from to $to only where the table says so',
  async ({ from, to }) => {
    const key = `${HASH}.${GENERATION}.1`;
    await redis.del(`wrtfarm:attempt:${key}`);
    if (from !== 'absent') await redis.hset(`wrtfarm:attempt:${key}`, 'state', from);
    const moved = redis.eval(
      `${COMMON} move_attempt(a.key, a.to) return 'moved'`,
      0,
      JSON.stringify({ key, to }),
    );
    const isLegal = ATTEMPT_MOVES[from].includes(to);
    if (isLegal) expect(await moved).toBe('moved');
    else await expect(moved).rejects.toThrow(`attempt ${key} cannot go from ${from} to ${to}`);
    expect((await redis.hget(`wrtfarm:attempt:${key}`, 'state')) ?? 'absent').toBe(isLegal ? to : from);
  },
);

test('an illegal move is a conflict that names the build and both states', async () => {
  await redis.hset(KEY, 'state', 'failed', 'generation', GENERATION);
  const finish = {
    requestHash: HASH,
    generation: GENERATION,
    attempt: 1,
    outcome: 'done',
    answer: '{}',
    isCacheable: true,
    keepMs: 1,
  };
  await expect(new RedisScripts(redis).run('finish-build', finish)).rejects.toMatchObject({
    code: 'conflict',
    message: `build ${HASH} cannot go from failed to done`,
  });
});
