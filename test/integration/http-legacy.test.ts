import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

const HTTP_DATE = /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

let farm: TestFarm;

beforeAll(async () => {
  farm = await startFarm();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

async function ask(path: string, request?: unknown): Promise<Reply> {
  const init = { method: 'POST', body: JSON.stringify(request) };
  const response = await fetch(farm.url + path, request === undefined ? {} : init);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, body };
}

async function download(path: string): Promise<Buffer> {
  const response = await fetch(farm.url + path);
  expect(response.status).toBe(200);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.headers.get('content-length')).toBe(String(bytes.byteLength));
  return bytes;
}

describe('the web page of v0.3.0', () => {
  const request = { profile: 'tplink_archer-c7-v5', version: '24.10.4', packages: ['vim', 'luci'] };

  test('gets an image by asking again until it is there, without naming a target', async () => {
    const first = await ask('/api/build', request);
    expect(first).toMatchObject({
      status: 202,
      body: { status: 'queued', enqueued_at: expect.stringMatching(HTTP_DATE) },
    });
    const done = await eventually(async () => {
      const reply = await ask('/api/build', request);
      if (reply.status === 202) throw new Error(JSON.stringify(reply.body));
      return reply;
    }, 60_000);
    expect(done.status, JSON.stringify(done.body)).toBe(200);
    expect(done.body).toMatchObject({
      buildlog: true,
      id: 'tplink_archer-c7-v5',
      image_prefix: expect.any(String),
      metadata_version: 1,
      supported_devices: expect.any(Array),
      target: 'ath79/generic',
      titles: [{ vendor: 'TP-Link', model: 'Archer C7', variant: 'v5' }],
      version_commit: 'r28959-29397011cc',
      version_number: '24.10.4',
      build_at: expect.any(String),
      enqueued_at: expect.stringMatching(HTTP_DATE),
    });
    const {
      bin_dir: binDir,
      images,
      manifest,
    } = done.body as unknown as {
      bin_dir: string;
      images: { name: string; sha256: string }[];
      manifest: Record<string, string>;
    };
    const names = Object.keys(manifest).sort().join(' ');
    expect(binDir).toBe(`24.10.4/ath79/generic/tplink_archer-c7-v5/${sha256Hex(names).slice(0, 12)}`);
    expect(images.length).toBeGreaterThan(0);
    for (const { name, sha256 } of images) {
      expect(sha256Hex(await download(`/store/${binDir}/${name}`))).toBe(sha256);
    }
    expect(String(await download(`/store/${binDir}/buildlog.txt`))).toContain('make image');
    expect(JSON.parse(String(await download(`/store/${binDir}/manifest.json`)))).toEqual(manifest);
    // LuCI of March 2020 links the log without the store.
    expect(String(await download(`/${binDir}/buildlog.txt`))).toContain('make image');
    const missing = await fetch(`${farm.url}/store/${binDir}/none.bin`);
    expect([missing.status, await missing.json()]).toEqual([404, { detail: 'Not found', status: 404 }]);
  });

  test.each([
    [{ profile: 'x' }, 400, 'bad_version', 'Missing version'],
    [{ version: '24.10.4' }, 400, 'bad_version', 'Missing profile'],
    [{ ...request, distro: 'foo' }, 400, 'bad_distro', 'Unknown distro: foo'],
    [{ ...request, version: '1.2.3' }, 400, 'bad_version', 'Unknown version: 1.2.3'],
    [{ ...request, profile: 'nope' }, 400, 'bad_profile', 'Unknown profile: nope'],
    [{ ...request, target: 'a/b' }, 400, 'bad_target', 'Unknown target: a/b'],
    [{ ...request, packages: ['qqqq', 'zzzz'] }, 422, 'bad_packages', 'Unknown package(s): qqqq, zzzz'],
  ])('%j is %i %s', async (body, httpStatus, status, message) => {
    const reply = await ask('/api/build', body);
    expect([reply.status, reply.body]).toEqual([httpStatus, { status, message, detail: message }]);
  });

  test('a build that fails says why once to who asks again, and links its log', async () => {
    const failing = { ...request, packages: ['knob-fail'] };
    const failed = await eventually(async () => {
      const reply = await ask('/api/build', failing);
      if (reply.status === 202) throw new Error(JSON.stringify(reply.body));
      return reply;
    }, 60_000);
    expect(failed).toMatchObject({
      status: 500,
      body: {
        status: 'failed',
        message: expect.stringContaining('Error'),
        buildlog: true,
        enqueued_at: expect.stringMatching(HTTP_DATE),
      },
    });
    expect(String(await download(`/store/${failed.body.bin_dir}/buildlog.txt`))).toContain('knob-fail');
    const again = await ask('/api/build', failing);
    expect([again.status, again.body.request_hash]).toEqual([202, failed.body.request_hash]);
  });
});

test('LuCI of 2021 and auc before 0.2.5 ask by the hash, and read states as texts', async () => {
  const { branches } = (await ask('/api/versions')).body as { branches: unknown };
  expect(branches).toContainEqual({ name: 'snapshot', latest: 'snapshot' });
  const request = {
    version: 'snapshot',
    target: 'x86/64',
    profile: 'pc-engines,apu2',
    packages: ['tmux'],
    diff_packages: true,
  };
  const first = await ask('/api/build?1732', request);
  expect(first).toMatchObject({ status: 202, body: { status: 'queued', queue_position: 0 } });
  const hash = String(first.body.request_hash);
  const done = await eventually(async () => {
    const reply = await ask(`/api/build/${hash}`);
    if (reply.status !== 202) return reply;
    expect(['queued', 'started']).toContain(reply.body.status);
    if (reply.body.status === 'started') expect(reply.body).not.toHaveProperty('queue_position');
    throw new Error('not yet');
  }, 60_000);
  expect(done).toMatchObject({ status: 200, body: { request_hash: hash, id: 'generic' } });
  const [image] = done.body.images as { name: string; sha256: string }[];
  const bytes = await download(`/store/${done.body.bin_dir}/${image?.name}`);
  expect(sha256Hex(bytes)).toBe(image?.sha256);
  const head = await fetch(`${farm.url}/api/build/${hash}`, { method: 'HEAD' });
  expect([head.status, head.headers.get('x-imagebuilder-status')]).toEqual([200, 'done']);
  const unknown = await ask(`/api/build/${'0'.repeat(64)}`);
  expect([unknown.status, unknown.body.status]).toEqual([404, 'not_found']);
});
