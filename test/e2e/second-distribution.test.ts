import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { writeDistribution } from '../support/distribution-file.ts';
import { startMiniUpstream } from '../support/upstream/start-mini-upstream.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, build, imagesOf } from '../support/wire-builds.ts';

/* A distribution of the operator's own beside OpenWrt, with a mirror, a key and an agent of its own. */

const ADMIN_TOKEN = 'the-operator-of-both';
const opened = new Disposers();
let mirror: Awaited<ReturnType<typeof startMiniUpstream>>;

const used = useFarm(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wrtfarm-otherwrt-'));
  opened.add('folder', () => rm(directory, { recursive: true, force: true }));
  const options = { directory, versions: ['24.10.4'], targets: ['ath79/generic'], distro: 'otherwrt' };
  mirror = opened.use('mirror', await startMiniUpstream(options));
  const file = await writeDistribution(({ branches, limits }) => ({
    name: 'otherwrt',
    upstream: mirror.url,
    limits: { ...limits, maxRootfsSizeMb: 64 },
    branches: branches.filter(({ name }) => name === '24.10'),
    packageChanges: [{ source: 'vim', target: 'nano', revision: 1 }],
    packageRules: [],
  }));
  opened.use('distribution', file);
  return { coordinator: { distros: [file.path], adminToken: ADMIN_TOKEN } };
});
const { wire } = used;

const OTHER = { ...ARCHER, distro: 'otherwrt' };

beforeAll(async () => {
  await used.farm.startAgent('otherwrt-1', { upstream: mirror.url, upstreamKey: [mirror.publicKeyPath] });
});

afterAll(() => opened[Symbol.asyncDispose]());

test('both are built at the same time, each of its own mirror, to the download', async () => {
  const request = { packages: ['tmux'] };
  const [openwrt, other] = await Promise.all([
    build(wire, { ...ARCHER, ...request }),
    build(wire, { ...OTHER, ...request }),
  ]);
  expect(other.json.request_hash).not.toBe(openwrt.json.request_hash);
  for (const [done, name] of [
    [openwrt, 'openwrt'],
    [other, 'otherwrt'],
  ] as const) {
    expect([done.status, done.json.detail]).toEqual([200, 'done']);
    expect(done.json.request).toMatchObject({ distro: name });
    expect(imagesOf(done).length).toBe(2);
    for (const image of imagesOf(done)) {
      expect(image.name).toMatch(new RegExp(`^${name}-24\\.10\\.4-`));
      const file = await wire.get(`/store/${done.json.bin_dir}/${image.name}`);
      expect([file.status, sha256Hex(file.bytes)]).toEqual([200, image.sha256]);
    }
  }
});

test('its changes of packages are its own', async () => {
  const done = await build(wire, { ...OTHER, packages: ['vim'] });
  const names = Object.keys(done.json.manifest as object);
  expect(names).toContain('nano');
  expect(names).not.toContain('vim');
});

test.each([
  ['a version that only OpenWrt has', { version: '25.12.0' }, 400, 'Unsupported branch: 25.12.0'],
  [
    'a target that only OpenWrt has',
    { target: 'x86/64', profile: 'generic' },
    400,
    /^Unsupported target: x86\/64\./,
  ],
  ['a distribution that nobody set up', { distro: 'immortalwrt' }, 400, 'Unsupported distro: immortalwrt'],
])('%s is refused', async (_what, change, status, detail) => {
  const reply = await wire.post('/api/v1/build', { ...OTHER, ...change });
  expect(reply.status).toBe(status);
  expect(reply.json.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
});

test('its limits are its own', async () => {
  const reply = await wire.post('/api/v1/build', { ...OTHER, rootfs_size_mb: 65 });
  expect(reply.status).toBe(422);
  expect(reply.json.detail).toMatchObject([{ type: 'less_than_equal', ctx: { le: 64 } }]);
  expect((await wire.post('/api/v1/build', { ...ARCHER, rootfs_size_mb: 65 })).status).toBe(202);
});

test('a builder of one is pinned without that of the other', async () => {
  const pin = async (distro: string) =>
    await wire.send(`/api/v1/admin/builders/${distro}/24.10.4/ath79/generic/pin`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
    });
  const { status, json } = await pin('otherwrt');
  expect([status, json]).toEqual([
    200,
    { builder: 'otherwrt 24.10.4 ath79/generic', pinned: true, was_pinned: false },
  ]);
  const { builders } = (await wire.get('/api/v1/builders')).json;
  const pinned = (builders as { name: string; pinned: boolean }[]).filter((each) => each.pinned);
  expect(pinned.map(({ name }) => name)).toEqual(['otherwrt 24.10.4 ath79/generic']);
  expect((await pin('thirdwrt')).status).toBe(404);
});
