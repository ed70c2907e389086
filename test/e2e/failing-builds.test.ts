import { afterAll, beforeAll, expect, test } from 'vitest';
import { BuildClient, hashOf, type Reply } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;
const client = new BuildClient(() => farm.url);
const FLASH = { version: '25.12.0', target: 'ath79/generic', profile: 'tplink_archer-c7-v5' };

beforeAll(async () => {
  farm = await startFarm({ agent: { buildTimeoutMs: '6000', maxLogBytes: '100000' } });
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

async function build(request: Record<string, unknown>): Promise<Reply> {
  return await client.final(hashOf(await client.post(request)), 90_000);
}

async function logOf(reply: Reply): Promise<string> {
  return await (await fetch(`${farm.url}/api/v1/build/${hashOf(reply)}/log`)).text();
}

test.each([
  {
    what: 'an image too big for the device',
    packages: ['knob-too-big'],
    says: 'Selected packages exceed device storage',
  },
  { what: 'packages that conflict', packages: ['ip-full', 'ip-tiny'], says: 'Impossible package selection' },
  { what: 'an ImageBuilder that fails', packages: ['knob-fail'], says: 'Error while building firmware' },
  { what: 'a script that fails', packages: ['knob-fail-postinst'], says: 'Error while building firmware' },
])('$what ends as an honest failure with its log', async ({ packages, says }) => {
  const reply = await build({ ...FLASH, packages });
  expect(reply.status).toBe(500);
  expect(reply.body).toMatchObject({ status: 500, imagebuilder_status: 'failed' });
  expect(reply.body.detail).toContain(`Error: ${says}`);
  expect(reply.headers.get('x-imagebuilder-status')).toBe('failed');
  expect(reply.body).toHaveProperty('stderr');
  expect(await logOf(reply)).toContain('make');
});

test('a failure that would be the same again is given from memory, another one is tried again', async () => {
  const same = { ...FLASH, packages: ['ip-full', 'ip-tiny'] };
  await build(same);
  expect((await client.post(same)).status).toBe(500);
  const other = { ...FLASH, packages: ['knob-fail'] };
  await build(other);
  expect((await client.post(other)).status).toBe(202);
  await client.final(hashOf(await client.post(other)));
});

test('a build that never ends is stopped at its time limit, and its endless log is cut', async () => {
  const reply = await build({ ...FLASH, packages: ['knob-endless-log'] });
  expect(reply.status).toBe(500);
  expect(reply.body.detail).toMatch(/too long|time|longer than/i);
  const log = await logOf(reply);
  expect(log.length).toBeLessThan(110_000);
  expect(log).toContain('the rest is dropped');
});

/** What only the operator is to know: which machine, and where it fetches from. */
function expectNothingPrivate(text: string): void {
  expect(text).not.toMatch(/agent-\d|https?:|127\.0\.0\.1/);
}

test('a package that cannot be fetched is not blamed on the request: tried three times, told, and not remembered', async () => {
  const request = { ...FLASH, packages: ['knob-feed-down'] };
  const lostBefore = await client.metric('wrtfarm_attempts_lost_total');
  const reply = await build(request);
  expect(reply.status).toBe(500);
  expect(reply.body.detail).toContain(
    'not by its own fault: packages could not be fetched. Please try again',
  );
  expectNothingPrivate(String(reply.body.detail));
  expect((await client.metric('wrtfarm_attempts_lost_total')) - lostBefore).toBe(3);
  expect((await client.post(request)).status).toBe(202);
});

test('an ImageBuilder whose signature is wrong is refused, and where it was fetched from is not told', async () => {
  farm.upstream.fault(/mediatek\/filogic\/sha256sums\.sig$/, 'not-found');
  const reply = await build({ version: '24.10.4', target: 'mediatek/filogic', profile: 'openwrt_one' });
  farm.upstream.clearFaults();
  expect(reply.status).toBe(500);
  expect(reply.body.detail).toContain('ImageBuilder could not be made ready');
  expect(reply.body.detail).toMatch(/verify/);
  expectNothingPrivate(String(reply.body.detail));
  const told = await eventually(async () => {
    const text = await (await fetch(`${farm.url}/api/v1/build-errors`)).text();
    return text.includes('ImageBuilder could not be made ready') ? text : false;
  });
  expectNothingPrivate(told);
});

test('the log can be followed while the image is made', async () => {
  const hash = hashOf(await client.post({ ...FLASH, packages: ['knob-slow-2', 'vim'] }));
  const reply = await fetch(`${farm.url}/api/v1/build/${hash}/log?follow=1`);
  let text = '';
  let sawBeforeEnd = false;
  for await (const chunk of reply.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (!sawBeforeEnd) sawBeforeEnd = (await client.get(hash)).status === 202 && text.includes('make');
  }
  expect(sawBeforeEnd).toBe(true);
  expect((await client.get(hash)).status).toBe(200);
  expect(text).toBe(await logOf(await client.get(hash)));
});
