import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BranchesSchema } from '../../coordinator/http/routes/branches.ts';
import { LatestSchema } from '../../coordinator/http/routes/latest.ts';
import { LegacyNamesSchema } from '../../coordinator/http/routes/legacy/names.ts';
import { LegacyPackagesSchema } from '../../coordinator/http/routes/legacy/packages.ts';
import { LegacyProfilesSchema } from '../../coordinator/http/routes/legacy/profiles.ts';
import { LegacyVersionsSchema } from '../../coordinator/http/routes/legacy/versions.ts';
import { OverviewSchema } from '../../coordinator/http/routes/overview.ts';
import { startFarm, type TestFarm } from '../support/start-farm.ts';

/** Enough of a package index to compare names. */
type Packages = Readonly<Record<string, string>>;

let farm: TestFarm;

beforeAll(async () => {
  farm = await startFarm({ agents: 0 });
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

async function get(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(farm.url + path, { redirect: 'manual' });
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  return { status: response.status, body: await response.json() };
}

describe('lists', () => {
  test.each<[string, TSchema]>([
    ['/json/v1/overview.json', OverviewSchema],
    ['/api/v1/overview', OverviewSchema],
    ['/api/overview', OverviewSchema],
    ['/overview', OverviewSchema],
    ['/json/v1/latest.json', LatestSchema],
    ['/api/v1/latest', LatestSchema],
    ['/json/latest.json', LatestSchema],
    ['/json/v1/branches.json', BranchesSchema],
    ['/json/branches.json', BranchesSchema],
    ['/api/versions', LegacyVersionsSchema],
    ['/api/profiles/24.10.4', LegacyProfilesSchema],
    ['/api/names/24.10.4', LegacyNamesSchema],
    ['/api/packages/24.10.4', LegacyPackagesSchema],
    ['/profiles-SNAPSHOT.json', LegacyProfilesSchema],
    ['/names-SNAPSHOT.json', LegacyNamesSchema],
  ])('%s is answered directly and as it is documented', async (path, schema) => {
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect([...Value.Errors(schema, body)]).toEqual([]);
  });

  test('latest is newest first, and a prefix of what branches offer', async () => {
    const { latest } = (await get('/api/v1/latest')).body as { latest: string[] };
    expect(latest).toEqual(['25.12.0', '24.10.4']);
    const branches = (await get('/json/v1/branches.json')).body as { name: string; versions: string[] }[];
    expect(branches.find(({ name }) => name === '24.10')?.versions).toEqual(['24.10.4', '24.10-SNAPSHOT']);
  });

  test('branches as an array are the branches of the overview', async () => {
    const overview = (await get('/json/v1/overview.json')).body as { branches: object };
    expect((await get('/json/v1/branches.json')).body).toEqual(Object.values(overview.branches));
  });
});

describe('package indexes', () => {
  test.each([
    ['23.05.6', 'ath79/generic', 'mips_24kc'],
    ['24.10.4', 'x86/64', 'x86_64'],
    ['25.12.0', 'mediatek/filogic', 'aarch64_cortex-a53'],
  ])('of %s %s join kernel modules and merge feeds, without ABI suffixes', async (version, target, arch) => {
    const folder = `releases/${version}`;
    const index = (await get(`/json/v1/${folder}/targets/${target}/index.json`)).body as {
      architecture: string;
      packages: Packages;
    };
    expect(index.architecture).toBe(arch);
    expect(Object.keys(index.packages)).toEqual(expect.arrayContaining(['base-files', 'kmod-wireguard']));
    const feeds = (await get(`/json/v1/${folder}/packages/${arch}-index.json`)).body as Packages;
    expect(Object.keys(feeds)).toEqual(expect.arrayContaining(['vim', 'luci', 'libubox']));
    expect(Object.keys(feeds).filter((name) => /^libubox\d/.test(name))).toEqual([]);
    expect(await get(`/json/${folder}/packages/${arch}-index.json`)).toEqual({ status: 200, body: feeds });
  });

  test.each([
    '/json/v1/releases/24.10.4/targets/ath79/nand/index.json',
    '/json/v1/releases/18.06.1/targets/ath79/generic/index.json',
    '/json/v1/releases/24.10.4/packages/sparc-index.json',
    '/json/v1/releases/24.10.4/targets/ath79/generic/nope.json',
  ])('%s is empty', async (path) => {
    expect(await get(path)).toEqual({ status: 200, body: {} });
  });

  test.each([
    '/json/v1/releases/24.10.4/targets/ath79/nand/generic.json',
    '/json/v1/releases/99.99.9/targets/ath79/generic/generic.json',
    '/json/v1/nonsense',
    '/json/v1/%2e%2e/%2e%2e/index.json',
    '/api/profiles/18.06.1',
  ])('%s is told to be missing, as JSON', async (path) => {
    const { status, body } = await get(path);
    expect([status, body]).toMatchObject([404, { status: 404, detail: expect.any(String) }]);
  });

  test('a profile is found by its board name, as auc of 23.05 asks', async () => {
    const path = '/json/v1/releases/24.10.4/targets/ath79/generic';
    for (const name of ['tplink_archer-c7-v2', 'tplink,archer-c7-v2', 'archer-c7']) {
      expect((await get(`${path}/${name}.json`)).body).toMatchObject({
        id: 'tplink_archer-c7-v2',
        metadata_version: 1,
        arch_packages: 'mips_24kc',
        target: 'ath79/generic',
        version_number: '24.10.4',
        version_code: 'r28959-29397011cc',
        images: expect.any(Array),
        build_at: '2025-10-19T18:23:36.000000Z',
      });
    }
    expect((await get('/json/v1/snapshots/targets/x86/64/generic.json')).body).toMatchObject({
      id: 'generic',
      target: 'x86/64',
    });
  });
});

test('lists that cannot be read say so, without naming hosts of the farm', async () => {
  const down = await startFarm({
    agents: 0,
    coordinator: { upstream: 'http://127.0.0.1:9/secret-mirror' },
  });
  try {
    for (const path of [
      '/json/v1/overview.json',
      '/api/v1/latest',
      '/json/v1/branches.json',
      '/api/versions',
    ]) {
      const response = await fetch(down.url + path);
      expect(response.status).toBe(502);
      expect(response.headers.get('retry-after')).toBe('5');
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({
        status: 502,
        detail: expect.stringContaining('.versions.json'),
      });
      expect(text).not.toMatch(/127\.0\.0\.1|secret-mirror/);
    }
  } finally {
    await down[Symbol.asyncDispose]();
  }
});
