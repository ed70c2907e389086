import { afterAll, beforeAll, expect, test } from 'vitest';
import { findAction } from '../../cli/admin/actions.ts';
import { AdminClient } from '../../cli/admin/admin-client.ts';
import { BuildClient, hashOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

const TOKEN = 'the operator of this farm';
const bearer = TOKEN.replaceAll(' ', '-');
const ATH79 = { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };

let farm: TestFarm;
const client = new BuildClient(() => farm.url);
const signal = AbortSignal.timeout(110_000);

beforeAll(async () => {
  farm = await startFarm({ coordinators: 2, agents: 1, coordinator: { adminToken: bearer } });
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

/** What `wrtfarm admin <words>` does, at the second coordinator: builds are asked for at the first. */
async function admin(...words: readonly string[]): Promise<readonly string[]> {
  const found = findAction(words);
  if (typeof found === 'string') throw new Error(found);
  const { action, name } = found;
  const server = farm.coordinators[1]?.httpUrl ?? '';
  return action.show(await new AdminClient(server, bearer).ask(action.method, action.path(name), signal));
}

/** A build that is being made for as long as a minute. */
async function longBuild(name: string): Promise<string> {
  const hash = hashOf(await client.post({ ...ATH79, packages: ['knob-slow-20', name] }));
  await client.reaches(hash, 'building_image');
  return hash;
}

test.each([
  ['none', {}],
  ['a wrong one', { authorization: 'Bearer somebody-else-entirely' }],
  ['another scheme', { authorization: `Basic ${bearer}` }],
])('with no right token (%s) nothing can be done or seen', async (_what, headers) => {
  for (const [method, path] of [
    ['GET', 'queue'],
    ['POST', 'agents/agent-1/drain'],
    ['POST', 'builders/openwrt/24.10.4/x86/64/pin'],
    ['POST', `builds/${'a'.repeat(64)}/cancel`],
  ]) {
    const response = await fetch(`${farm.url}/api/v1/admin/${path}`, { method: method ?? '', headers });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  }
});

test('a coordinator without a token has no admin API', async () => {
  await using plain = await startFarm({ agents: 0 });
  expect((await fetch(`${plain.url}/api/v1/admin/queue`)).status).toBe(404);
  await expect(new AdminClient(plain.url, bearer).ask('GET', '/api/v1/admin/queue', signal)).rejects.toThrow(
    'no admin API',
  );
});

test('a build that is made is cancelled: its clients are told, its agent stops it, and it is made anew when asked for', async () => {
  const hash = await longBuild('nano');
  expect(await admin('cancel', hash)).toEqual(['the build is cancelled']);
  expect(await client.get(hash)).toMatchObject({
    status: 500,
    body: { detail: 'Error: Build cancelled', imagebuilder_status: 'failed' },
  });
  await eventually(async () => (await admin('agents')).some((line) => /^agent-1 +working +0\/1/.test(line)));
  expect(await admin('cancel', hash)).toEqual(['the build is cancelled']);
  expect((await client.post({ ...ATH79, packages: ['knob-slow-20', 'nano'] })).status).toBe(202);
  expect(await admin('cancel', hash)).toEqual(['the build is cancelled']);
});

test('a drained agent finishes what it has and takes no more, until it is undrained', async () => {
  const hash = hashOf(await client.post({ ...ATH79, packages: ['knob-slow-1', 'htop'] }));
  await client.reaches(hash, 'building_image');
  expect(await admin('drain', 'agent-1')).toEqual(['the agent takes no more work']);
  const next = hashOf(await client.post({ ...ATH79, packages: ['vim'] }));
  expect((await client.final(hash)).status).toBe(200);
  expect((await client.get(next)).body.detail).toBe('queued');
  await expect.poll(() => admin('agents')).toContainEqual(expect.stringMatching(/^agent-1 +draining +0\/1/));
  expect(await admin('undrain', 'agent-1')).toEqual(['the agent takes work again']);
  expect((await client.final(next)).status).toBe(200);
});

test('a build that waits is put first', async () => {
  await admin('drain', 'agent-1');
  const hashes: string[] = [];
  for (const name of ['tmux', 'luci', 'curl']) {
    hashes.push(hashOf(await client.post({ ...ATH79, packages: [name] })));
  }
  const [first = '', , last = ''] = hashes;
  const position = async (hash: string): Promise<unknown> => (await client.get(hash)).body.queue_position;
  expect([await position(first), await position(last)]).toEqual([0, 2]);
  expect(await admin('prioritise', last)).toEqual(['the build is the next one']);
  expect([await position(first), await position(last)]).toEqual([1, 0]);
  const shown = await admin('queue');
  expect(shown).toContainEqual(expect.stringMatching(new RegExp(`^${last} +24.10.4 ath79/generic`)));
  expect(shown.at(-1)).toBe('3 builds wait');
  const isShown = /^24\.10\.4 ath79\/generic +no +3 +0 +\d+\.\d s +agent-1$/;
  // A median may be ten seconds old.
  await eventually(async () => (await admin('builders')).some((line) => isShown.test(line)), 15_000);
  await admin('undrain', 'agent-1');
  for (const hash of hashes) expect((await client.final(hash)).status).toBe(200);
  await expect(admin('prioritise', last)).rejects.toThrow('is done and cannot be put first');
  await expect(admin('cancel', last)).rejects.toThrow('is done and cannot be cancelled');
});

test('a failed build is made anew, and a purged one is gone with its files', async () => {
  const failing = hashOf(await client.post({ ...ATH79, packages: ['knob-too-big'] }));
  const failed = await client.final(failing);
  expect(failed.status).toBe(500);
  expect(await admin('retry', failing)).toEqual(['the build is made anew']);
  await eventually(async () => {
    const { status, body } = await client.get(failing);
    return status === 500 && body.enqueued_at !== failed.body.enqueued_at;
  });

  const hash = hashOf(await client.post({ ...ATH79, packages: ['nano'] }));
  const { body } = await client.final(hash);
  const [image] = body.images as { name: string }[];
  const url = `${farm.url}/store/${body.bin_dir}/${image?.name}`;
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  await expect(admin('retry', hash)).rejects.toThrow('is done and cannot be retried');
  expect(await admin('purge', hash)).toEqual(['the build and its files are gone']);
  await eventually(async () => (await client.get(hash)).status === 404);
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
  await expect(admin('purge', hash)).rejects.toThrow('There is no build');
});

test('a pinned builder is made warm although nobody asks for it, and stays so until it is unpinned', async () => {
  expect(await admin('pin', '25.12.0', 'mediatek/filogic')).toEqual(['the builder is kept warm from now on']);
  expect(await admin('pin', '25.12.0', 'mediatek/filogic')).toEqual(['the builder was pinned already']);
  expect(await admin('builders')).toContainEqual(
    expect.stringMatching(/^25\.12\.0 mediatek\/filogic +yes +0/),
  );
  const isWarm = /^25\.12\.0 mediatek\/filogic +yes .* agent-1$/;
  await eventually(async () => (await admin('builders')).some((line) => isWarm.test(line)));
  const metrics = await (await fetch(`${farm.url}/metrics`)).text();
  expect(metrics).toContain('wrtfarm_builders_wanted{version="25.12.0",target="mediatek/filogic"} 1\n');
  expect(await admin('unpin', '25.12.0', 'mediatek/filogic')).toEqual(['the builder is pinned no more']);
  expect(await admin('unpin', '25.12.0', 'mediatek/filogic')).toEqual(['the builder was not pinned']);
  expect(await admin('builders')).toContainEqual(
    expect.stringMatching(/^25\.12\.0 mediatek\/filogic +no +0/),
  );
});

test('what upstream does not have cannot be pinned', async () => {
  await expect(admin('pin', '25.12.9', 'x86/64')).rejects.toThrow('Upstream has no version 25.12.9');
  await expect(admin('pin', '25.12.0', 'x86/46')).rejects.toThrow('did you mean x86/64?');
  await expect(admin('pin', 'otherwrt', '25.12.0', 'x86/64')).rejects.toThrow('distribution otherwrt');
});

test('an unknown build or agent is said to be none', async () => {
  await expect(admin('cancel', 'f'.repeat(64))).rejects.toThrow('There is no build');
  await expect(admin('cancel', 'short')).rejects.toThrow('no request hash');
  expect(await admin('drain', 'elsewhere')).toEqual(['the agent takes no more work, once it is there again']);
  await admin('undrain', 'elsewhere');
});
