import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { BuildClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import type { WireReply } from '../support/wire.ts';
import { ARCHER, build, finalReply, hashFor, imagesOf, NO_HASH, ONE, X86 } from '../support/wire-builds.ts';
import { PUBLIC_UPSTREAM, used } from './farm-with-agent.ts';

/* Contract 4: what has hurt clients most, by its numbers there. */

const { wire } = used;
const metrics = new BuildClient(() => used.farm.url);

let opkg: WireReply;
let apk: WireReply;

beforeAll(async () => {
  [opkg, apk] = await Promise.all([
    build(wire, { ...ARCHER, packages: ['tcpdump', 'luci'] }),
    build(wire, { ...ONE, packages: ['tcpdump', 'luci'] }),
  ]);
});

const attempts = (): Promise<number> => metrics.metric('wrtfarm_attempts_started_total');

/** Where clients get data. */
const DATA_PATHS = [
  ...['/json/v1/overview.json', '/api/v1/overview', '/api/overview', '/overview', '/api/v1/latest'],
  ...['/json/v1/latest.json', '/json/latest.json', '/json/v1/branches.json', '/json/branches.json'],
  ...['/api/v1/revision/24.10.4/x86/64', '/api/versions', '/api/v1/stats'],
  '/json/v1/releases/24.10.4/targets/x86/64/index.json',
  '/json/releases/24.10.4/packages/x86_64-index.json',
  '/json/v1/releases/24.10.4/targets/ath79/generic/tplink_archer-c7-v5.json',
];

test('1: a finished body has every field that some client cannot do without', () => {
  for (const done of [opkg, apk]) {
    expect(Object.keys(done.json)).toEqual(
      expect.arrayContaining([
        ...['request', 'bin_dir', 'images', 'manifest', 'version_code', 'version_number', 'titles', 'target'],
        ...['id', 'build_cmd', 'build_at', 'request_hash', 'status'],
      ]),
    );
    expect(imagesOf(done).length).toBeGreaterThan(0);
    for (const image of imagesOf(done)) {
      expect(Object.keys(image)).toEqual(expect.arrayContaining(['name', 'type', 'filesystem', 'sha256']));
    }
  }
});

test('2: everything may be read from any origin, said once', async () => {
  const store = `/store/${opkg.json.bin_dir}/${imagesOf(opkg)[0]?.name}`;
  for (const path of [...DATA_PATHS, store, `/store/${NO_HASH}/a`, '/nowhere', `/api/v1/build/${NO_HASH}`]) {
    expect((await wire.get(path)).headers('access-control-allow-origin'), path).toEqual(['*']);
  }
});

test('3: nothing that is read is redirected', async () => {
  for (const path of DATA_PATHS) {
    const reply = await wire.get(path);
    expect([reply.status, reply.header('location')], path).toEqual([200, undefined]);
  }
});

test('4: a body in chunks without a length is taken', async () => {
  const headers = { 'Content-Type': 'application/json' };
  const body = { ...ARCHER, packages: ['tcpdump', 'luci'] };
  expect((await wire.send('/api/v1/build', { body, headers, chunked: true })).status).toBe(200);
});

test('5: `sha256` is of the bytes served, each time, below a URL that auc has room for', async () => {
  for (const done of [opkg, apk]) {
    for (const { name, sha256 } of imagesOf(done)) {
      const path = `/store/${done.json.bin_dir}/${name}`;
      expect(`https://a-rather-long-name.of-a-server.example${path}`.length).toBeLessThanOrEqual(255);
      const replies = [await wire.get(path), await wire.get(path)];
      for (const reply of replies) {
        expect(sha256Hex(reply.bytes)).toBe(sha256);
        expect(reply.header('content-length')).toBe(String(reply.bytes.length));
      }
    }
  }
});

describe('6: a manifest has the names and versions of the indexes', () => {
  test.each([
    ['opkg', 'releases/24.10.4', 'ath79/generic', 'mips_24kc', () => opkg],
    ['apk', 'releases/25.12.0', 'mediatek/filogic', 'aarch64_cortex-a53', () => apk],
  ] as const)('%s', async (_manager, path, target, architecture, done) => {
    const own = (await wire.get(`/json/v1/${path}/targets/${target}/index.json`)).json;
    const feeds = (await wire.get(`/json/v1/${path}/packages/${architecture}-index.json`)).json;
    const manifest = done().json.manifest as Record<string, string>;
    expect(Object.keys(manifest)).toEqual(expect.arrayContaining(['tcpdump', 'libpcap', 'kmod-nft-core']));
    expect({ ...feeds, ...(own.packages as object) }).toMatchObject(manifest);
  });
});

test('7: paths that only old clients ask for are answered', async () => {
  const paths = ['/api/overview', '/json/latest.json', '/json/branches.json', '/api/versions'];
  for (const path of paths) expect((await wire.get(path)).status, path).toBe(200);
  expect((await wire.post('/api/build', X86)).status).toBe(202);
});

test('8: branches are an object in the overview and an array in branches.json, whole in both', async () => {
  const { branches } = (await wire.get('/json/v1/overview.json')).json as {
    branches: Record<string, object>;
  };
  const array = JSON.parse((await wire.get('/json/v1/branches.json')).text) as object[];
  expect(array).toEqual(Object.values(branches));
  for (const branch of array) {
    expect(branch).toMatchObject({
      enabled: true,
      name: expect.any(String),
      path: expect.any(String),
      path_packages: expect.any(String),
      versions: expect.any(Array),
      targets: expect.any(Object),
      package_changes: expect.any(Array),
    });
  }
  expect(branches['24.10']).toMatchObject({ targets: { 'x86/64': 'x86_64', 'ath79/generic': 'mips_24kc' } });
});

test('9: a position is there only while a build waits, a stage only while it is made', async () => {
  const hash = await hashFor(wire, { ...ARCHER, packages: ['nano'] });
  const seen: (readonly [detail: unknown, hasPosition: boolean, hasStage: boolean])[] = [];
  await eventually(async () => {
    const { json, status } = await wire.get(`/api/v1/build/${hash}`);
    if (status !== 202) return true;
    seen.push([json.detail, 'queue_position' in json, 'imagebuilder_status' in json]);
    return false;
  }, 60_000);
  expect(seen.map(([detail]) => detail)).toContain('started');
  for (const [detail, hasPosition, hasStage] of seen) {
    expect([hasPosition, hasStage]).toEqual([detail === 'queued', detail === 'started']);
  }
});

test('10: one request with every odd type that clients send', async () => {
  const odd = {
    ...ONE,
    profile: 'openwrt,one',
    packages: ['tcpdump', '', 'luci'],
    rootfs_size_mb: null,
    defaults: '',
    filesystem: 'initramfs',
    client: null,
    version_code: '',
    repositories: {},
  };
  expect(await hashFor(wire, odd)).toBe(apk.json.request_hash);
});

test('11: the same request at the same time makes one build', async () => {
  const before = await attempts();
  const body = { ...ARCHER, packages: ['screen'] };
  const replies = await Promise.all(Array.from({ length: 30 }, () => wire.post('/api/v1/build', body)));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
  const hashes = new Set(replies.map(({ json }) => String(json.request_hash)));
  expect(hashes.size).toBe(1);
  await finalReply(wire, [...hashes][0] ?? '');
  expect(await attempts()).toBe(before + 1);
});

test('12: `upstream_url` is the public mirror, whichever one the farm reads', async () => {
  expect((await wire.get('/json/v1/overview.json')).json.upstream_url).toBe(PUBLIC_UPSTREAM);
  expect((await wire.get('/json/v1/overview.json')).text).not.toContain(used.farm.upstream.url);
});

test.each([
  [400, { ...X86, version: '1.2' }],
  [400, { ...X86, profile: 'nobody', target: 'ath79/generic' }],
  [422, { ...X86, packages: ['no-such-package'] }],
])('13: a %i has `detail` as a text, which every client shows', async (status, body) => {
  const { json } = await wire.post('/api/v1/build', body);
  expect(json).toEqual({ detail: expect.any(String), status });
});

test('14: another revision than the current one is refused before anything is built', async () => {
  const before = await attempts();
  const reply = await wire.post('/api/v1/build', { ...X86, version_code: 'r1-0123456789' });
  expect(reply.json).toMatchObject({ status: 500, imagebuilder_status: 'failed' });
  expect(await attempts()).toBe(before);
});

test('16: the revision of a release is known', async () => {
  expect((await wire.get('/api/v1/revision/25.12.0/mediatek/filogic')).json.revision).toMatch(
    /^r\d+-[0-9a-f]+$/,
  );
});

test('17: slashes, and a query, on every method', async () => {
  const hash = opkg.json.request_hash;
  expect(
    (await wire.post('//api/v1/build?1732386000000', { ...ARCHER, packages: ['luci', 'tcpdump'] })).status,
  ).toBe(200);
  expect((await wire.get(`//api/v1/build/${hash}?1732386000000`)).status).toBe(200);
  expect((await wire.send(`//api/v1/build/${hash}`, { method: 'HEAD' })).status).toBe(200);
  expect((await wire.send('//api/v1/build?1', { method: 'OPTIONS' })).status).toBe(204);
});

test('18: what was read once is answered from memory', async () => {
  for (const path of DATA_PATHS) await wire.get(path);
  const before = used.farm.upstream.requests();
  for (const path of DATA_PATHS) expect((await wire.get(path)).status).toBe(200);
  expect(used.farm.upstream.requests()).toBe(before);
});

test('18: one slow upstream does not add up, feed by feed', async () => {
  used.farm.upstream.fault(/25\.12\.0\/packages\/x86_64\/.*\/index\.json$/, 'slow');
  const started = Date.now();
  const reply = await wire.get('/json/v1/releases/25.12.0/packages/x86_64-index.json');
  used.farm.upstream.clearFaults();
  expect(Object.keys(reply.json)).toEqual(expect.arrayContaining(['busybox', 'luci', 'vim']));
  // Two seconds for each of three feeds: asu reads them one after the other, and auc hangs up after fifteen.
  expect(Date.now() - started).toBeLessThan(5_000);
});

test('19: HEAD is the status and the headers of GET, with no body', async () => {
  const path = `/api/v1/build/${opkg.json.request_hash}`;
  const [head, get] = [await wire.send(path, { method: 'HEAD' }), await wire.get(path)];
  expect([head.status, head.bytes.length]).toEqual([200, 0]);
  expect(head.header('x-imagebuilder-status')).toBe('done');
  expect(head.header('content-length')).toBe(get.header('content-length'));
});

test('21: nobody need have a name', async () => {
  const headers = { 'Content-Type': 'application/json' };
  expect((await wire.send('/api/v1/build', { body: X86, headers })).json).toHaveProperty('request_hash');
});

test('23: `status` is a number below /api/v1, and a word below /api/build', async () => {
  const hash = opkg.json.request_hash;
  const [now, then] = [await wire.get(`/api/v1/build/${hash}`), await wire.get(`/api/build/${hash}`)];
  expect([now.json.status, then.json.status]).toEqual([200, 'done']);
  expect(then.json).toMatchObject({ request_hash: hash, detail: 'done', buildlog: true });
});

test.each([
  ['letters of all alphabets are letters', { distro: 'ø' }, 400],
  ['a line break at the end is none', { version: '24.10.4\n' }, 422],
])('25: %s', async (_what, change, status) => {
  expect((await wire.post('/api/v1/build', { ...X86, ...change })).status).toBe(status);
});

test('26: a build is found by the hash it was given, whatever that is made of', async () => {
  expect((await wire.get(`/api/v1/build/${apk.json.request_hash}`)).json.bin_dir).toBe(apk.json.bin_dir);
});
