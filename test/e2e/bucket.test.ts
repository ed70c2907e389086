import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { eventually } from '../support/eventually.ts';
import { startS3, type TestS3 } from '../support/servers/start-s3.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';
import { Wire } from '../support/wire.ts';
import { build, finalReply, hashFor, imagesOf, X86 } from '../support/wire-builds.ts';

/* Farms whose results are in a bucket: their coordinators share that, and no folder. */

let s3: TestS3;
let folders: string;
beforeAll(async () => {
  s3 = await startS3();
  folders = await mkdtemp(join(tmpdir(), 'wrtfarm-bucket-'));
});
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  await rm(folders, { recursive: true, force: true });
});
afterEach(() => {
  s3.fault = undefined;
});

/** A farm with a part of the bucket to itself. */
async function startFarmOn(prefix: string, options: Parameters<typeof startFarm>[0] = {}): Promise<TestFarm> {
  return await startFarm({
    coordinators: 2,
    upstream: { versions: [X86.version], targets: [X86.target] },
    ...options,
    coordinator: (index) => ({
      ...s3.settings,
      s3Prefix: `${prefix}/`,
      artifacts: join(folders, prefix, String(index)),
      ...options.coordinator,
    }),
  });
}

function wiresOf(farm: TestFarm): readonly [Wire, Wire] {
  const [first, second] = farm.coordinators.map(({ httpUrl }) => new Wire(() => httpUrl));
  if (!first || !second) throw new Error('there are not two coordinators');
  return [first, second];
}

async function filesIn(folder: string): Promise<number> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).length;
}

describe('a build', () => {
  let farm: TestFarm;
  beforeAll(async () => {
    farm = await startFarmOn('served');
  });
  afterAll(async () => {
    await farm[Symbol.asyncDispose]();
  });

  test('made through one coordinator is served by both, whole, in ranges and by name alone', async () => {
    const [first, second] = wiresOf(farm);
    const done = await build(first, { ...X86, packages: ['vim'] });
    expect(done.status, done.text).toBe(200);
    const [image] = imagesOf(done);
    if (!image) throw new Error('there is no image');
    const path = `/store/${String(done.json.bin_dir)}/${image.name}`;
    for (const wire of [first, second]) {
      const whole = await wire.get(path);
      expect([whole.status, sha256Hex(whole.bytes)]).toEqual([200, image.sha256]);
      expect(whole.header('content-length')).toBe(String(whole.bytes.length));
      expect(whole.header('etag')).toBe(`"${image.sha256}"`);
      const range = await wire.send(path, { headers: { Range: 'bytes=10-19' } });
      expect([range.status, range.header('content-range')]).toEqual([
        206,
        `bytes 10-19/${whole.bytes.length}`,
      ]);
      expect(range.bytes).toEqual(whole.bytes.subarray(10, 20));
      const head = await wire.send(path, { method: 'HEAD' });
      expect([head.status, head.header('content-length')]).toEqual([200, String(whole.bytes.length)]);
      const known = await wire.send(path, { headers: { 'If-None-Match': `"${image.sha256}"` } });
      expect(known.status).toBe(304);
      const log = await wire.get(`/api/v1/build/${String(done.json.request_hash)}/log`);
      expect(log.text).toContain('make image');
    }
  });

  test('leaves nothing where it came in, on no disk and not in the bucket', async () => {
    await eventually(async () => {
      expect(s3.objects.keys('served/staging/')).toEqual([]);
      expect(await filesIn(join(folders, 'served'))).toBe(0);
    });
  });

  test('waits for a bucket that does not answer, and takes no second attempt for it', async () => {
    const [wire] = wiresOf(farm);
    const hash = await hashFor(wire, { ...X86, packages: ['tmux'] });
    let refused = 0;
    s3.fault = ({ method, key }) => {
      if (method !== 'PUT' || !key.includes('/staging/')) return undefined;
      refused += 1;
      return refused > 8 ? undefined : 503;
    };
    const done = await finalReply(wire, hash);
    expect(done.status, done.text).toBe(200);
    expect(refused).toBeGreaterThan(8);
    const json = s3.objects.get(`served/builds/${String(done.json.bin_dir)}/build.json`).bytes;
    expect(JSON.parse(json.toString())).toMatchObject({ attempt: 1, outcome: 'done' });
  });

  test('cannot be fetched from a bucket that does not answer, and clients are told to come back', async () => {
    const [wire] = wiresOf(farm);
    const done = await build(wire, { ...X86, packages: ['htop'] });
    const path = `/store/${String(done.json.bin_dir)}/${imagesOf(done)[0]?.name}`;
    s3.fault = () => 503;
    const away = await wire.get(path);
    expect([away.status, away.header('retry-after')]).toEqual([503, '5']);
    expect(away.json.detail).toBe('The farm’s artifact store does not answer. Please try again later.');
    s3.fault = undefined;
    expect((await wire.get(path)).status).toBe(200);
  });

  test('whose coordinator goes while it is made permanent is completed by the other one', async () => {
    const [first, second] = wiresOf(farm);
    let copies = 0;
    s3.fault = ({ method, key }) => {
      if (method !== 'PUT' || !key.includes('/files/')) return undefined;
      copies += 1;
      return 503;
    };
    const hash = await hashFor(first, { ...X86, packages: ['nano'] });
    await eventually(() => expect(copies).toBeGreaterThan(0));
    const [going] = farm.coordinators;
    await going?.[Symbol.asyncDispose]();
    s3.fault = undefined;
    const done = await finalReply(second, hash);
    expect(done.status, done.text).toBe(200);
    const [image] = imagesOf(done);
    const file = await second.get(`/store/${hash}/${image?.name}`);
    expect(sha256Hex(file.bytes)).toBe(image?.sha256);
  });
});

test('clients are sent to the bucket where that is wanted, but for HEAD, and find the file there', async () => {
  await using farm = await startFarmOn('sent', { coordinator: { s3Redirect: 'true' } });
  const [wire] = wiresOf(farm);
  const done = await build(wire, { ...X86, packages: ['vim'] });
  const [image] = imagesOf(done);
  const path = `/store/${String(done.json.bin_dir)}/${image?.name}`;
  const sent = await wire.get(path);
  expect([sent.status, sent.header('cache-control')]).toEqual([302, 'no-store']);
  const bytes = Buffer.from(await (await fetch(String(sent.header('location')))).arrayBuffer());
  expect(sha256Hex(bytes)).toBe(image?.sha256);
  const head = await wire.send(path, { method: 'HEAD' });
  expect([head.status, head.header('content-length')]).toEqual([200, String(bytes.length)]);
});

test('what has expired goes from the bucket, with all that was kept of it', async () => {
  const settings = { keepPlainMs: '1000', keepFailedMs: '1000', storeGraceMs: '0' };
  await using farm = await startFarmOn('expired', { coordinator: settings });
  const [wire] = wiresOf(farm);
  const done = await build(wire, { ...X86, packages: ['vim'] });
  expect(done.status, done.text).toBe(200);
  await eventually(() => expect(s3.objects.keys('expired/')).toEqual([]));
});
