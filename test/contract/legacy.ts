import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { eventually } from '../support/eventually.ts';
import type { WireReply } from '../support/wire.ts';
import { NO_HASH } from '../support/wire-builds.ts';
import { used } from './farm-with-agent.ts';

/* Contract 3: the API of asu v0.3.0, and contract 1.5: what its clients until 2021 make of it. */

const { wire } = used;

const YAFS = { version: 'SNAPSHOT', profile: 'tplink_archer-c7-v5', packages: ['vim'] };
const FOLDER = /^SNAPSHOT\/ath79\/generic\/tplink_archer-c7-v5\/[0-9a-f]{12}$/;
const HTTP_DATE = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/;

/** Asks as clients of 2020 do: the same POST until it is no longer 202. */
async function askUntilDone(body: unknown): Promise<WireReply> {
  return await eventually(async () => {
    const reply = await wire.post('/api/build', body);
    return reply.status === 202 ? false : reply;
  }, 60_000);
}

describe('lists', () => {
  test('/api/versions has every version with its branch and path, as v0.3.0 had SNAPSHOT', async () => {
    const versions = (await wire.get('/api/versions')).json;
    expect(versions.SNAPSHOT).toEqual({
      branch: 'master',
      path: 'snapshots',
      pubkey: 'RWS1BD5w+adc3j2Hqg9+b66CvLR7NlHbsj7wjNVj0XGt/othDgIAOJS+',
    });
    expect(versions['24.10.4']).toEqual({
      branch: 'openwrt-24.10',
      path: 'releases/24.10.4',
      pubkey: 'RWTTEMbygz6X95lKDAulctZy3aj15823THXfyrfXgwGbxZlXBd2brNcw',
    });
  });

  test('LuCI A finds its own branch in `branches`, in small letters', async () => {
    const { branches } = (await wire.get('/api/versions')).json;
    expect(branches).toContainEqual({ name: 'snapshot', latest: 'snapshot' });
    expect(branches).toContainEqual({ name: '24.10', latest: '24.10.4' });
  });

  test.each(['/api/profiles/SNAPSHOT', '/profiles-SNAPSHOT.json'])(
    '%s has the target of each profile',
    async (path) => {
      expect((await wire.get(path)).json).toMatchObject({
        metadata_version: 1,
        target: expect.any(String),
        version_commit: 'r34876-4d2c7e9b10',
        version_number: 'SNAPSHOT',
        url: expect.stringContaining('snapshots/targets/{target}'),
        profiles: {
          'tplink_archer-c7-v5': { target: 'ath79/generic' },
          openwrt_one: { target: 'mediatek/filogic' },
          generic: { target: 'x86/64' },
        },
      });
    },
  );

  test.each(['/api/names/SNAPSHOT', '/names-SNAPSHOT.json'])(
    '%s has devices by what people call them',
    async (path) => {
      const { models } = (await wire.get(path)).json as { models: Record<string, unknown> };
      expect(models['TP-Link Archer C7 v5']).toEqual({
        target: 'ath79/generic',
        id: 'tplink_archer-c7-v5',
        images: expect.arrayContaining([expect.objectContaining({ type: 'sysupgrade' })]),
      });
    },
  );

  test('/api/packages has the names of all packages', async () => {
    const names = JSON.parse((await wire.get('/api/packages/SNAPSHOT')).text) as string[];
    expect(names).toEqual(expect.arrayContaining(['luci', 'vim']));
  });

  test.each(['profiles', 'names', 'packages'])('/api/%s of an unknown version is a 404', async (name) => {
    expect((await wire.get(`/api/${name}/18.06`)).status).toBe(404);
  });
});

describe('POST /api/build is refused', () => {
  test.each<[status: string, message: string, body: unknown]>([
    ['bad_version', 'Missing version', { profile: 'tplink_archer-c7-v5' }],
    ['bad_version', 'Missing profile', { version: 'SNAPSHOT' }],
    ['bad_distro', 'Unknown distro: lede', { ...YAFS, distro: 'lede' }],
    ['bad_version', 'Unknown version: 18.06', { ...YAFS, version: '18.06' }],
    ['bad_profile', 'Unknown profile: nobody_nothing', { ...YAFS, profile: 'nobody_nothing' }],
  ])('with 400 `%s` and `%s`', async (status, message, body) => {
    const reply = await wire.post('/api/build', body);
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ status, message });
  });

  test('with 422 `bad_packages`, naming them', async () => {
    const reply = await wire.post('/api/build', { ...YAFS, packages: ['vim', 'no-such', 'nor-this'] });
    expect(reply.status).toBe(422);
    expect(reply.json).toMatchObject({
      status: 'bad_packages',
      message: 'Unknown package(s): no-such, nor-this',
    });
  });

  test('with 422 `bad_packages` for packages that are no list', async () => {
    const reply = await wire.post('/api/build', { ...YAFS, packages: 'vim' });
    expect(reply.status).toBe(422);
    expect(reply.json).toMatchObject({ status: 'bad_packages', message: expect.stringContaining('list') });
  });

  test.each<[what: string, body: string]>([
    ['broken JSON', '{'],
    ['a list', '[]'],
    ['nothing', ''],
  ])('with an error in JSON for %s, where v0.3.0 sent a page', async (_what, body) => {
    const reply = await wire.post('/api/build', body);
    expect(reply.status).toBe(400);
    expect(reply.json).toMatchObject({ status: 'bad_request', message: expect.any(String) });
  });

  test('a missing `packages` is none, where v0.3.0 crashed', async () => {
    const { packages: _left, ...body } = YAFS;
    expect([200, 202]).toContain((await wire.post('/api/build', body)).status);
  });
});

describe('POST /api/build is answered', () => {
  let first: WireReply;
  let done: WireReply;

  beforeAll(async () => {
    first = await wire.post('/api/build', YAFS);
    done = await askUntilDone(YAFS);
  });

  test('with 202, a word and an HTTP date, while it is made', () => {
    expect(first.status).toBe(202);
    expect(first.json.status).toMatch(/^(queued|started)$/);
    expect(first.json.enqueued_at).toMatch(HTTP_DATE);
  });

  test('with `request_hash` and `queue_position`, which clients of 2021 poll by', async () => {
    expect(first.json.request_hash).toMatch(/^[0-9a-f]{64}$/);
    if (first.json.status === 'queued') expect(first.json.queue_position).toEqual(expect.any(Number));
  });

  test.each<[client: string, key: string, value: unknown]>([
    ['the web page reads', 'bin_dir', expect.stringMatching(FOLDER)],
    ['the web page links the log by', 'buildlog', true],
    ['v0.3.0 has', 'build_at', expect.any(String)],
    ['v0.3.0 has', 'enqueued_at', expect.stringMatching(HTTP_DATE)],
    ['v0.3.0 has', 'id', 'tplink_archer-c7-v5'],
    ['v0.3.0 has', 'image_prefix', expect.any(String)],
    ['v0.3.0 has', 'metadata_version', 1],
    ['v0.3.0 has', 'supported_devices', ['tplink,archer-c7-v5']],
    ['v0.3.0 has', 'target', 'ath79/generic'],
    ['the web page reads', 'titles', [{ vendor: 'TP-Link', model: 'Archer C7', variant: 'v5' }]],
    ['the web page reads', 'version_commit', 'r34876-4d2c7e9b10'],
    ['the web page reads', 'version_number', 'SNAPSHOT'],
    ['the web page before March 2020 reads', 'url', expect.stringContaining('/store/')],
  ])('with 200, where %s `%s`', (_client, key, value) => {
    expect(done.status).toBe(200);
    expect(done.json[key]).toEqual(value);
  });

  test('with images that have `name`, `sha256` and `type`', () => {
    const images = done.json.images as Record<string, unknown>[];
    expect(images.length).toBe(2);
    for (const image of images) {
      expect(image).toMatchObject({
        name: expect.stringContaining('archer-c7-v5'),
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        type: expect.stringMatching(/^(sysupgrade|factory)$/),
      });
    }
  });

  test('with a folder named after the packages in the image, as v0.3.0 named it', () => {
    const names = Object.keys(done.json.manifest as object).sort();
    const hash = createHash('sha256').update(names.join(' ')).digest('hex').slice(0, 12);
    expect(done.json.bin_dir).toBe(`SNAPSHOT/ath79/generic/tplink_archer-c7-v5/${hash}`);
  });

  test('and its files lie in that folder: images, the log, the manifest', async () => {
    const folder = `/store/${done.json.bin_dir}`;
    for (const { name, sha256 } of done.json.images as { name: string; sha256: string }[]) {
      expect(sha256Hex((await wire.get(`${folder}/${name}`)).bytes)).toBe(sha256);
    }
    expect((await wire.get(`${folder}/buildlog.txt`)).text).toContain('make image');
    expect((await wire.get(`${folder}/manifest.json`)).json).toEqual(done.json.manifest);
  });

  test('LuCI A links the log without /store', async () => {
    const reply = await wire.get(`/${done.json.bin_dir}/buildlog.txt`);
    expect(reply.status).toBe(200);
    expect(reply.text).toContain('make image');
  });

  test('a client of 2021 gets the same by its request hash', async () => {
    const reply = await wire.get(`/api/build/${first.json.request_hash}`);
    expect(reply.status).toBe(200);
    expect(reply.json.images).toEqual(done.json.images);
  });
});

test('a failed build is a 500 with `message`, and the log beside it', async () => {
  const reply = await askUntilDone({ ...YAFS, packages: ['dangling'] });
  expect(reply.status).toBe(500);
  expect(reply.json).toMatchObject({
    message: 'Error: Impossible package selection: missing (no-such-library)',
    detail: 'Error: Impossible package selection: missing (no-such-library)',
    enqueued_at: expect.stringMatching(HTTP_DATE),
    buildlog: true,
  });
  const log = await wire.get(`/store/${reply.json.bin_dir}/buildlog.txt`);
  expect(log.text).toContain('make manifest');
});

test('an unknown hash is a 404 `not_found`', async () => {
  const reply = await wire.get(`/api/build/${NO_HASH}`);
  expect(reply.status).toBe(404);
  expect(reply.json).toMatchObject({ status: 'not_found' });
});
