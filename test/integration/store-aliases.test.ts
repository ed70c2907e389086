import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { legacyFolder, StoreAliases } from '../../coordinator/http/legacy/store-aliases.ts';
import { sha256Hex } from '../../shared/digest.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { startRedis, type TestRedis } from '../support/servers/start-redis.ts';

const FOLDER = '24.10.4/ath79/generic/tplink_archer-c7-v5/0123456789ab';
const BUILD = 'a'.repeat(64);
const OTHER = 'c'.repeat(64);

let server: TestRedis;
let redis: Redis;
let aliases: StoreAliases;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
  aliases = new StoreAliases(redis);
});

afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

test('an old name stands for one build for as long as that has files', async () => {
  expect(await aliases.find(FOLDER)).toBeUndefined();
  expect(await aliases.remember(FOLDER, BUILD, async () => true)).toBe(true);
  expect(await aliases.remember(FOLDER, BUILD, async () => true)).toBe(true);
  expect(await aliases.find(FOLDER)).toEqual(BUILD);
  expect(await aliases.remember(FOLDER, OTHER, async (binDir) => binDir === BUILD)).toBe(false);
  expect(await aliases.find(FOLDER)).toEqual(BUILD);
  expect(await aliases.remember(FOLDER, OTHER, async () => false)).toBe(true);
  expect(await aliases.find(FOLDER)).toEqual(OTHER);
});

test.each(['', 'x', '../../etc/passwd', '24.10.4/ath79/generic/p/0123456789abc', `${FOLDER}/x`])(
  '%j was never such a name',
  async (folder) => {
    await redis.set(`wrtfarm:store-alias:${folder}`, BUILD);
    expect(await aliases.find(folder)).toBeUndefined();
  },
);

test('the name is made of the names of installed packages, not of their versions', () => {
  const spec = plainSpec({ version: 'SNAPSHOT', target: 'ramips/mt7620', profile: 'alfa' });
  const folder = legacyFolder({ spec, answer: { manifest: { vim: '2', luci: '1' } } });
  // The example of asu v0.3.0 for luci and vim.
  expect(folder).toBe('SNAPSHOT/ramips/mt7620/alfa/ed806c8a99c0');
  expect(sha256Hex('luci vim').slice(0, 12)).toBe('ed806c8a99c0');
  expect(legacyFolder({ spec, answer: { manifest: { luci: '9', vim: '9' } } })).toBe(folder);
  expect(legacyFolder({ spec, answer: null })).toBeUndefined();
});
