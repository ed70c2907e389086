import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { WireReply } from '../support/wire.ts';
import { ARCHER, type BuiltImage, build, hashFor, imagesOf, NO_HASH } from '../support/wire-builds.ts';
import { used } from './farm-with-agent.ts';

/* Contract 2.6, 2.7 and 2.10: the answer of a finished build, how long it holds, and its files. */

const { wire } = used;
const REQUEST = {
  ...ARCHER,
  profile: 'tplink,archer-c7-v5',
  packages: ['base-files', 'luci', '-ppp'],
  diff_packages: true,
  defaults: "uci set wireless.key='a secret of the client'",
  rootfs_size_mb: 64,
};

let done: WireReply;
let image: BuiltImage;
let path: string;

beforeAll(async () => {
  done = await build(wire, REQUEST);
  const [first] = imagesOf(done);
  if (!first) throw new Error(`no image in ${done.text}`);
  image = first;
  path = `/store/${done.json.bin_dir}/${image.name}`;
});

describe('the body of a finished build', () => {
  test.each<[client: string, key: string, value: unknown]>([
    ['owut ends by', 'status', 200],
    ['whoever follows asu reads', 'detail', 'done'],
    ['LuCI reads', 'imagebuilder_status', 'done'],
    ['auc and every poller reads', 'request_hash', expect.stringMatching(/^[0-9a-f]{64}$/)],
    ['all read', 'bin_dir', expect.stringMatching(/^[0-9a-f]{64}$/)],
    ['owut compares', 'version_code', 'r28959-29397011cc'],
    ['LuCI and the Firmware Selector show', 'version_number', '24.10.4'],
    ['LuCI and the Firmware Selector show', 'id', 'tplink_archer-c7-v5'],
    ['LuCI and the Firmware Selector show', 'target', 'ath79/generic'],
    [
      'the Firmware Selector throws without',
      'titles',
      [{ vendor: 'TP-Link', model: 'Archer C7', variant: 'v5' }],
    ],
    ['the Firmware Selector parses', 'build_at', '2025-10-19T18:23:36.000000Z'],
    ['owut shows, and the Firmware Selector changes its page by', 'build_cmd', expect.any(Array)],
    ['the Firmware Selector changes its page by', 'manifest', expect.any(Object)],
    ['asu has', 'build_cmd_packages', expect.any(Array)],
    ['LuCI and the Firmware Selector show', 'stdout', expect.any(String)],
    ['the Firmware Selector shows', 'stderr', expect.any(String)],
    ['profiles.json has', 'arch_packages', 'mips_24kc'],
    ['profiles.json has', 'default_packages', expect.arrayContaining(['base-files', 'dropbear'])],
    ['profiles.json has', 'device_packages', expect.arrayContaining(['kmod-ath10k-ct'])],
    ['profiles.json has', 'linux_kernel', { version: '6.6.110', release: '1', vermagic: expect.any(String) }],
    ['auc reads', 'metadata_version', 1],
    ['profiles.json has', 'source_date_epoch', 1_760_898_216],
    ['profiles.json has', 'image_prefix', expect.stringContaining('tplink_archer-c7-v5')],
    ['profiles.json has', 'supported_devices', ['tplink,archer-c7-v5']],
    ['asu has', 'enqueued_at', expect.stringMatching(/Z$/)],
  ])('%s `%s`', (_client, key, value) => {
    expect(done.json[key]).toEqual(value);
  });

  test('all profiles of the target are not in it', () => {
    expect(done.json).not.toHaveProperty('profiles');
  });

  test.each<[key: string, value: unknown]>([
    ['filesystem', 'squashfs'],
    ['type', expect.stringMatching(/^(sysupgrade|factory)$/)],
    [
      'name',
      expect.stringMatching(/^openwrt-24\.10\.4-[0-9a-f]{12}-ath79-generic-tplink_archer-c7-v5-squashfs-/),
    ],
    ['sha256', expect.stringMatching(/^[0-9a-f]{64}$/)],
    ['sha256_unsigned', expect.stringMatching(/^[0-9a-f]{64}$/)],
  ])('all choose by `images[].%s`', (key, value) => {
    expect(imagesOf(done).length).toBe(2);
    for (const each of imagesOf(done)) expect({ ...each }).toHaveProperty(key, value);
  });

  test('owut throws without `request`, and reads its version_code, rootfs_size_mb and defaults', () => {
    expect(done.json.request).toMatchObject({
      version_code: '',
      rootfs_size_mb: 64,
      profile: 'tplink_archer-c7-v5',
      packages: ['base-files', 'luci', '-ppp'],
    });
    expect(done.json.request).toHaveProperty('defaults', null);
  });

  test("the client's script, which may hold secrets, is nowhere in it", () => {
    expect(done.text).not.toContain('a secret of the client');
  });

  test('`build_cmd` is the command that was run, argument by argument', () => {
    const command = done.json.build_cmd as string[];
    expect(command.slice(0, 2)).toEqual(['make', 'image']);
    expect(command).toContain('PROFILE=tplink_archer-c7-v5');
    expect(command).toContain('ROOTFS_PARTSIZE=64');
    const packages = command.find((each) => each.startsWith('PACKAGES=')) ?? '';
    expect(packages.slice('PACKAGES='.length).split(' ')).toEqual(done.json.build_cmd_packages);
    expect(command.some((each) => /^EXTRA_IMAGE_NAME=[0-9a-f]{12}$/.test(each))).toBe(true);
    expect(command.some((each) => each.startsWith('FILES='))).toBe(true);
  });

  test('with diff_packages, defaults that were not asked for go first, sorted, then what was asked for', () => {
    const packages = done.json.build_cmd_packages as string[];
    const asked = packages.slice(-3);
    const removed = packages.slice(0, -3);
    expect(asked).toEqual(['base-files', 'luci', '-ppp']);
    expect(removed.every((name) => name.startsWith('-'))).toBe(true);
    expect(removed).toEqual(removed.toSorted());
    expect(removed).toContain('-dropbear');
    expect(removed).not.toContain('-base-files');
  });
});

describe('the answer is kept', () => {
  test('asking again gives the same result at once', async () => {
    const again = await wire.post('/api/v1/build', REQUEST);
    expect(again.status).toBe(200);
    const { enqueued_at: _posted, ...posted } = again.json;
    const { enqueued_at: _polled, ...polled } = done.json;
    expect(posted).toEqual(polled);
  });

  test('a failure of the request itself is kept too, one of the machine is not', async () => {
    const impossible = { ...ARCHER, packages: ['dangling'] };
    expect((await build(wire, impossible)).status).toBe(500);
    expect((await wire.post('/api/v1/build', impossible)).status).toBe(500);
    const failing = { ...ARCHER, packages: ['knob-fail'] };
    expect((await build(wire, failing)).status).toBe(500);
    expect((await wire.post('/api/v1/build', failing)).status).toBe(202);
  });
});

describe('the store', () => {
  test.each<[client: string, header: string, value: string | RegExp]>([
    ['auc compares the size with', 'content-length', /^\d+$/],
    ['asu has', 'content-type', 'application/octet-stream'],
    ['asu has', 'x-content-type-options', 'nosniff'],
    ['asu has', 'accept-ranges', 'bytes'],
    ['asu has', 'etag', /^"[0-9a-f]+"$/],
    ['asu has', 'last-modified', / GMT$/],
  ])('%s %s', async (_client, name, value) => {
    const reply = await wire.get(path);
    expect(reply.status).toBe(200);
    if (typeof value === 'string') expect(reply.header(name)).toBe(value);
    else expect(reply.header(name)).toMatch(value);
  });

  test('every image is the bytes of its sha256, uncompressed, and as many as Content-Length says', async () => {
    for (const { name, sha256 } of imagesOf(done)) {
      const reply = await wire.get(`/store/${done.json.bin_dir}/${name}`);
      expect(sha256Hex(reply.bytes)).toBe(sha256);
      expect(Number(reply.header('content-length'))).toBe(reply.bytes.length);
      expect(reply.header('content-encoding')).toBeUndefined();
      expect(reply.header('transfer-encoding')).toBeUndefined();
    }
  });

  test('browsers save it under its name', async () => {
    expect((await wire.get(path)).header('content-disposition')).toBe(`attachment; filename="${image.name}"`);
  });

  test('a range is a 206 of these bytes', async () => {
    const whole = await wire.get(path);
    const part = await wire.send(path, { headers: { Range: 'bytes=10-99' } });
    expect(part.status).toBe(206);
    expect(part.header('content-range')).toBe(`bytes 10-99/${whole.bytes.length}`);
    expect(part.bytes.equals(whole.bytes.subarray(10, 100))).toBe(true);
  });

  test('HEAD has the headers of GET and no body', async () => {
    const head = await wire.send(path, { method: 'HEAD' });
    const get = await wire.get(path);
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.header('content-length')).toBe(get.header('content-length'));
  });

  test("LuCI's cache-buster and doubled slashes do not matter", async () => {
    for (const each of [`${path}?1732386000000`, `/${path}`, path.replace('/store/', '/store//')]) {
      expect((await wire.get(each)).status, each).toBe(200);
    }
  });

  test('a LuCI fork looks below the request hash', async () => {
    const reply = await wire.get(`/store/${done.json.request_hash}/${image.name}`);
    expect(sha256Hex(reply.bytes)).toBe(image.sha256);
  });

  test('the log of the build is there', async () => {
    const log = await wire.get(`/store/${done.json.bin_dir}/buildlog.txt`);
    expect(log.text).toContain('make image');
    expect(log.text).not.toContain('a secret of the client');
  });

  test('the manifest is there, as v0.3.0 had it, without anybody asking for the build as clients did then', async () => {
    const reply = await wire.get(`/store/${done.json.bin_dir}/manifest.json`);
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual(done.json.manifest);
  });

  test.each<[what: string, path: () => string]>([
    ['a folder', () => `/store/${done.json.bin_dir}`],
    ['a folder with its slash', () => `/store/${done.json.bin_dir}/`],
    ['the store itself', () => '/store'],
    ['a name that is not there', () => `/store/${done.json.bin_dir}/nothing.bin`],
    ['a folder that is not there', () => `/store/${NO_HASH}/${image.name}`],
    ['a way out', () => `/store/${done.json.bin_dir}/../../etc/passwd`],
    ['a way out, in escapes', () => `/store/${done.json.bin_dir}/..%2f..%2f..%2fetc%2fpasswd`],
    ['a way out of the folder', () => `/store/%2e%2e/${image.name}`],
    ["the farm's own record", () => `/store/${done.json.bin_dir}/build.json`],
  ])('%s is a 404, as JSON', async (_what, where) => {
    const reply = await wire.get(where());
    expect(reply.status).toBe(404);
    expect(reply.json).toEqual({ detail: 'Not found', status: 404 });
  });
});

test('one build has one folder, whatever it is called', async () => {
  expect(await hashFor(wire, { ...REQUEST, profile: 'tplink_archer-c7-v5' })).toBe(done.json.request_hash);
});
