import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;
let client: BuildClient;

beforeEach(async () => {
  farm = await startFarm({ coordinators: 2 });
  client = new BuildClient(() => farm.url);
});

afterEach(async () => {
  await farm[Symbol.asyncDispose]();
});

/** A build that takes long enough for something to die under it. */
const SLOW = {
  version: '25.12.0',
  target: 'mediatek/filogic',
  profile: 'openwrt_one',
  packages: ['knob-slow-5'],
};

test('a build goes on over the death of nats-server and ends once', async () => {
  const hash = hashOf(await client.post(SLOW));
  await client.reaches(hash, 'building_image');
  await farm.nats.crash();
  expect((await client.final(hash)).status).toBe(200);
  expect(await client.metric('wrtfarm_attempts_lost_total')).toBe(0);
});

test('a build goes on over the death of redis-server and ends once', async () => {
  const hash = hashOf(await client.post(SLOW));
  await client.reaches(hash, 'building_image');
  await farm.redis.crash();
  expect((await client.final(hash)).status).toBe(200);
});

test('a build accepted while NATS is away is built when it is back', async () => {
  const first = await client.post({ ...SLOW, packages: [] });
  await client.final(hashOf(first));
  await farm.nats.stop();
  const accepted = await client.post({ ...SLOW, packages: ['vim'] });
  expect(accepted.status).toBe(202);
  await farm.nats.start();
  expect((await client.final(hashOf(accepted))).status).toBe(200);
});

test('a build that waited while both servers died is still built', async () => {
  const running = hashOf(await client.post(SLOW));
  await client.reaches(running, 'building_image');
  const waiting = hashOf(await client.post({ ...SLOW, packages: ['vim'] }));
  await Promise.all([farm.nats.crash(), farm.redis.crash()]);
  expect((await client.final(running)).status).toBe(200);
  expect((await client.final(waiting)).status).toBe(200);
});

test('a coordinator that stops hands its attempts over: the other one goes on with the same attempt', async () => {
  const other = new BuildClient(() => farm.coordinators[1]?.httpUrl ?? '');
  const hash = hashOf(await client.post(SLOW));
  await client.reaches(hash, 'building_image');
  await farm.coordinators[0]?.[Symbol.asyncDispose]();
  const done = await other.final(hash);
  expect(done.status).toBe(200);
  const log = await fetch(`${farm.coordinators[1]?.httpUrl}/api/v1/build/${hash}/log`);
  expect(await log.text()).not.toContain('attempt 2');
});

test('a result whose files were wiped is made anew for who asks again', async () => {
  const request = { ...SLOW, packages: ['vim'] };
  const first = await client.final(hashOf(await client.post(request)));
  expect(first.status).toBe(200);
  await rm(farm.artifacts, { recursive: true });
  const again = await eventually(async () => {
    const reply = await client.post(request);
    return reply.status === 202 ? reply : false;
  });
  const anew = await client.final(hashOf(again));
  expect(anew.status).toBe(200);
  expect(anew.body.bin_dir).not.toBe(first.body.bin_dir);
  const [image] = anew.body.images as { name: string }[];
  const served = await fetch(`${farm.url}/store/${String(anew.body.bin_dir)}/${image?.name}`, {
    method: 'HEAD',
  });
  expect(served.status).toBe(200);
});
