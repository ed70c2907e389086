import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { BuildClient, hashOf, type Reply } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

let farm: TestFarm;
const client = new BuildClient(() => farm.url);

beforeAll(async () => {
  farm = await startFarm();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

/** Fields that clients read from a finished build. Source: contract 1.1 to 1.4, 2.6. */
const FIELDS_OF_200 = [
  ...['arch_packages', 'default_packages', 'linux_kernel', 'metadata_version', 'source_date_epoch', 'target'],
  ...[
    'version_code',
    'version_number',
    'device_packages',
    'image_prefix',
    'images',
    'supported_devices',
    'titles',
  ],
  ...[
    'id',
    'bin_dir',
    'manifest',
    'build_cmd_packages',
    'build_cmd',
    'build_at',
    'stdout',
    'stderr',
    'request',
  ],
  ...['imagebuilder_status', 'detail', 'status', 'enqueued_at', 'request_hash'],
];

test("owut's request, chunked and without a length, is built with exactly the versions it names", async () => {
  const packages = await upstreamVersions(['tcpdump', 'base-files', 'dropbear']);
  const { version_code: versionCode } = await upstreamJson('releases/24.10.4/targets/x86/64/profiles.json');
  const posted = await postChunked({
    client: 'owut/2026.07.08-r1',
    target: 'x86/64',
    profile: 'generic',
    version: '24.10.4',
    version_code: versionCode,
    filesystem: 'squashfs',
    diff_packages: true,
    packages_versions: packages,
  });
  expect(posted.status).toBe(202);
  const hash = String(posted.body.request_hash);
  const head = await eventually(async () => {
    const reply = await fetch(`${farm.url}/api/v1/build/${hash}`, { method: 'HEAD' });
    return reply.status === 202 ? false : reply;
  }, 60_000);
  expect(head.status).toBe(200);
  expect(head.headers.get('x-imagebuilder-status')).toBe('done');
  const done = await client.get(hash);
  expect(Object.keys(done.body)).toEqual(expect.arrayContaining(FIELDS_OF_200));
  expect(done.body).toMatchObject({ status: 200, version_code: versionCode, manifest: packages });
  expect(done.body.request).toMatchObject({
    version_code: versionCode,
    rootfs_size_mb: null,
    defaults: null,
  });
  await expectImagesToMatch(done);
});

test("the Firmware Selector's request, with all its keys, is built", async () => {
  const reply = await client.post({
    profile: 'tplink_archer-c7-v5',
    target: 'ath79/generic',
    packages: ['base-files', '-ppp', 'luci'],
    defaults: '',
    version_code: '',
    version: '24.10.4',
    diff_packages: true,
    client: 'ofs/v5.1.0',
    repositories: {},
    repository_keys: [],
  });
  expect(reply.status).toBe(202);
  const done = await client.final(hashOf(reply));
  expect(done.status).toBe(200);
  expect(Object.keys(done.body)).toEqual(expect.arrayContaining(FIELDS_OF_200));
  expect(Object.keys(done.body.manifest as object)).toContain('luci');
  expect(Object.keys(done.body.manifest as object)).not.toContain('ppp');
  await expectImagesToMatch(done);
});

test("LuCI's request, with a board name, a size as text and packages that lie in the image, is built", async () => {
  const reply = await client.post({
    client: 'luci/26.129.70992~61fbfe6',
    packages: ['base-files', 'kernel', 'libc', 'luci'],
    profile: 'openwrt,one',
    target: 'mediatek/filogic',
    version: '25.12.0',
    diff_packages: true,
    filesystem: 'squashfs',
    rootfs_size_mb: null,
  });
  const done = await client.final(hashOf(reply));
  expect(done.status).toBe(200);
  expect(done.body.id).toBe('openwrt_one');
});

describe('a request that cannot be built is refused at once, naming what is wrong, and nothing is run', () => {
  const GOOD = {
    version: '24.10.4',
    target: 'ath79/generic',
    profile: 'tplink_archer-c7-v5',
    packages: ['vim'],
  };
  const evil = [
    '$(shell touch /tmp/pwned)',
    '; rm -rf /',
    '`id`',
    'a b',
    'vim\n',
    '../../etc/passwd',
    '$$',
    '%s',
    "'",
    '"',
    '\\',
    '#',
    '=',
    'a=b',
    '>x',
    '|x',
    '&',
  ];

  test.each([
    { what: 'an unknown version', change: { version: '99.99.9' }, status: 400, says: '99.99.9' },
    { what: 'an unknown target', change: { target: 'made/up' }, status: 400, says: 'made/up' },
    {
      what: 'an unknown profile',
      change: { profile: 'nothing_like-it' },
      status: 400,
      says: 'nothing_like-it',
    },
    { what: 'an unknown package', change: { packages: ['vim', 'vimm'] }, status: 422, says: 'vimm' },
    { what: 'packages of another type', change: { packages: { vim: 1 } }, status: 422, says: 'packages' },
    { what: 'a version that is a number', change: { version: 24 }, status: 422, says: 'version' },
    { what: 'a size out of range', change: { rootfs_size_mb: 0 }, status: 422, says: 'rootfs_size_mb' },
    {
      what: 'a megabyte of packages',
      change: { packages: Array(120_000).fill('vim00') },
      status: 422,
      says: 'packages',
    },
    {
      what: 'one name of a megabyte',
      change: { packages: ['v'.repeat(1_000_000)] },
      status: 422,
      says: 'packages',
    },
    {
      what: 'a first-boot script where none are allowed',
      change: { defaults: 'reboot' },
      status: 400,
      says: 'defaults',
    },
    {
      what: 'a feed nobody allowed',
      change: { repositories: { x: 'https://evil.example' } },
      status: 400,
      says: 'evil.example',
    },
  ])('$what', async ({ change, status, says }) => {
    await expectRefused({ ...GOOD, ...change }, status, says);
  });

  test.each(evil)('%j as a package, profile, target or version', async (text) => {
    for (const field of ['version', 'target', 'profile'] as const) {
      const reply = await client.post({ ...GOOD, [field]: text });
      expect([400, 422], `${field} ${text}`).toContain(reply.status);
    }
    await expectRefused({ ...GOOD, packages: [text] }, 422, 'packages');
    await expectRefused({ ...GOOD, packages_versions: { [text]: '1' } }, 422, 'packages_versions');
    await expectRefused({ ...GOOD, packages_versions: { vim: text } }, 422, 'packages_versions');
  });

  test('what is not JSON', async () => {
    const reply = await fetch(`${farm.url}/api/v1/build`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"version":',
    });
    expect(reply.status).toBe(422);
  });

  async function expectRefused(request: unknown, status: number, says: string): Promise<void> {
    const before = await client.metric('wrtfarm_attempts_started_total');
    const reply = await client.post(request);
    expect(reply.status, JSON.stringify(reply.body).slice(0, 500)).toBe(status);
    expect(JSON.stringify(reply.body)).toContain(says);
    expect(JSON.stringify(reply.body).length).toBeLessThan(100_000);
    expect(await client.metric('wrtfarm_attempts_started_total')).toBe(before);
  }
});

async function expectImagesToMatch(done: Reply): Promise<void> {
  const images = done.body.images as { name: string; sha256: string }[];
  expect(images.length).toBeGreaterThan(0);
  for (const image of images) {
    const reply = await fetch(`${farm.url}/store/${String(done.body.bin_dir)}/${image.name}`);
    const bytes = Buffer.from(await reply.arrayBuffer());
    expect(reply.headers.get('content-length')).toBe(String(bytes.length));
    expect(sha256Hex(bytes)).toBe(image.sha256);
  }
}

async function upstreamJson(path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(`${farm.upstream.url}/${path}`)).json()) as Record<string, unknown>;
}

/** Versions as a client finds them in the target's own index and the feeds. */
async function upstreamVersions(names: readonly string[]): Promise<Record<string, string>> {
  const folders = ['targets/x86/64/packages', 'packages/x86_64/base', 'packages/x86_64/packages'];
  const indexes = await Promise.all(
    folders.map((folder) => upstreamJson(`releases/24.10.4/${folder}/index.json`)),
  );
  const all: Record<string, string> = Object.assign({}, ...indexes.map((index) => index.packages));
  return Object.fromEntries(names.map((name) => [name, all[name] ?? `${name} is nowhere`]));
}

/** As libuclient sends it: chunked, no length. */
async function postChunked(body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      `${farm.url}//api/v1/build`,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'transfer-encoding': 'chunked',
          'user-agent': 'owut/2026.07.08-r1',
        },
      },
      (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> }),
        );
      },
    );
    outgoing.on('error', reject);
    const text = JSON.stringify(body);
    outgoing.write(text.slice(0, 10));
    outgoing.end(text.slice(10));
  });
}
