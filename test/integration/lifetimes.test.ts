import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { eventually } from '../support/eventually.ts';
import { startSlowDownload } from '../support/slow-download.ts';
import { type UsedFarm, useFarm } from '../support/use-farm.ts';
import type { Wire, WireReply } from '../support/wire.ts';
import { type BuiltImage, build, hashFor, imagesOf, X86 } from '../support/wire-builds.ts';

/* What an operator sets about how long results and their files stay: contract 2.7, through running coordinators. */

/** Its one image is larger than what a connection holds in its buffers. */
const LARGE = { version: '25.12.0', target: 'mediatek/filogic', profile: 'glinet_gl-mt6000' } as const;

const HOUR_MS = 3_600_000;

function pathOf(done: WireReply): string {
  return `/store/${done.json.bin_dir}/${imagesOf(done)[0]?.name}`;
}

async function isGone(wire: Wire, done: WireReply): Promise<void> {
  expect((await wire.get(`/api/v1/build/${done.json.request_hash}`)).status).toBe(404);
  expect((await wire.send(pathOf(done), { method: 'HEAD' })).status).toBe(404);
}

/** Holds a download while its file goes, then takes the rest of it. */
async function outlive({ farm, wire }: UsedFarm, done: WireReply, whatRemovesIt: () => Promise<unknown>) {
  const [image] = imagesOf(done);
  const download = await startSlowDownload(`${farm.url}${pathOf(done)}`);
  expect(download.status).toBe(200);
  await whatRemovesIt();
  await eventually(() => isGone(wire, done));
  const received = download.receivedBytes();
  const bytes = await download.rest();
  expect(received).toBeLessThan(bytes.length / 2);
  expect(sha256Hex(bytes)).toBe(image?.sha256);
}

describe('results', () => {
  const LIFETIMES = {
    // Longer than a busy machine stalls between two polls.
    plain: 4_000,
    withDefaults: 4_001,
    failed: 4_002,
    withVersions: HOUR_MS,
  };
  const requests = {
    plain: { ...X86, packages: ['vim'] },
    withDefaults: { ...X86, packages: ['vim'], defaults: 'true' },
    failed: { ...X86, packages: ['dangling'] },
    withVersions: { ...X86, packages_versions: { 'base-files': '1663~29397011cc' } },
  };
  type Kind = keyof typeof requests;

  const used = useFarm({
    agent: { slots: '2' },
    coordinator: {
      keepPlainMs: String(LIFETIMES.plain),
      keepWithDefaultsMs: String(LIFETIMES.withDefaults),
      keepFailedMs: String(LIFETIMES.failed),
      keepWithVersionsMs: String(LIFETIMES.withVersions),
      storeGraceMs: '0',
      allowDefaults: 'true',
    },
  });
  const { wire } = used;
  const built = new Map<Kind, { readonly reply: WireReply; readonly lifetimeMs: number }>();

  /** As the store has it; the clients are not told. */
  async function lifetimeOf({ json }: WireReply): Promise<number> {
    const folder = String(json.bin_dir);
    const path = join(used.farm.artifacts, 'builds', folder.slice(0, 2), folder, 'build.json');
    const { finishedAt, expiresAt } = JSON.parse(await readFile(path, 'utf8'));
    return expiresAt - finishedAt;
  }

  beforeAll(async () => {
    await Promise.all(
      Object.entries(requests).map(async ([kind, request]) => {
        const reply = await build(wire, request);
        built.set(kind as Kind, { reply, lifetimeMs: await lifetimeOf(reply) });
      }),
    );
  });

  test.each<[Kind, status: number]>([
    ['plain', 200],
    ['withDefaults', 200],
    ['failed', 500],
  ])('%s: is given until its time is over, and made anew for who asks again', async (kind, status) => {
    const { reply, lifetimeMs } = built.get(kind) ?? {};
    expect([reply?.status, lifetimeMs]).toEqual([status, LIFETIMES[kind]]);
    const poll = `/api/v1/build/${reply?.json.request_hash}`;
    await eventually(async () => expect((await wire.get(poll)).status).toBe(404));
    const again = await wire.post('/api/v1/build', requests[kind]);
    expect([again.status, again.json.request_hash]).toEqual([202, reply?.json.request_hash]);
  });

  test('withVersions: is there yet when those are gone', async () => {
    const { reply, lifetimeMs } = built.get('withVersions') ?? {};
    expect([reply?.status, lifetimeMs]).toEqual([200, LIFETIMES.withVersions]);
    const again = await wire.post('/api/v1/build', requests.withVersions);
    expect([again.status, again.json.bin_dir]).toEqual([200, reply?.json.bin_dir]);
  });

  test('without grace the files go too, but not under a client that downloads them', async () => {
    const done = await build(wire, { ...LARGE, packages: ['knob-large'] });
    await outlive(used, done, async () => undefined);
  });
});

describe('files, with grace', () => {
  const { wire } = useFarm({ coordinator: { keepPlainMs: '3000', storeGraceMs: String(HOUR_MS) } });

  test('stay for who knows where they are when the result has gone', async () => {
    const request = { ...X86, packages: ['vim'] };
    const hash = await hashFor(wire, request);
    const images = new Map<string, string>();
    await eventually(async () => {
      const { status, json } = await wire.get(`/api/v1/build/${hash}`);
      for (const { name, sha256 } of (json.images ?? []) as BuiltImage[]) {
        images.set(`/store/${json.bin_dir}/${name}`, sha256);
      }
      return images.size > 0 && status === 404;
    }, 60_000);
    for (const [path, sha256] of images) {
      const reply = await wire.get(path);
      expect([reply.status, sha256Hex(reply.bytes)], path).toEqual([200, sha256]);
    }
  });
});

describe('files beyond the limit', () => {
  const used = useFarm({
    coordinator: { storeMaxBytes: String(20 * 1024 ** 2), storeGraceMs: '0', keepFailedMs: '1000' },
  });
  const { wire } = used;

  test('the oldest go, with the result that names them, but not under a client that downloads them', async () => {
    const oldest = await build(wire, { ...LARGE, packages: ['knob-large'] });
    let newest: WireReply | undefined;
    await outlive(used, oldest, async () => {
      newest = await build(wire, { ...LARGE, packages: ['knob-large', 'vim'] });
    });
    expect((await wire.get(`/api/v1/build/${newest?.json.request_hash}`)).status).toBe(200);
    const image = await wire.get(pathOf(newest as WireReply));
    expect(sha256Hex(image.bytes)).toBe(imagesOf(newest as WireReply)[0]?.sha256);
  });
});
