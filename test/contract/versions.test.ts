import { afterAll, describe, expect, test } from 'vitest';
import { Disposers } from '../../shared/lifecycle.ts';
import { LUCI_C_OF_2023, LUCI_D, LUCI_E, Luci, type LuciAge } from '../support/clients/luci.ts';
import { writeDistribution } from '../support/distribution-file.ts';
import { startMetadataMirror } from '../support/upstream/metadata-mirror.ts';
import { useFarm } from '../support/use-farm.ts';

/* Contract 2.8: versions and branches, from an upstream with years of releases behind it. */

const opened = new Disposers();
const PUBLIC = 'https://downloads.example/openwrt';

async function mirrorOf(files: Readonly<Record<string, unknown>>): Promise<string> {
  return opened.use('mirror', await startMetadataMirror(files)).url;
}

const used = useFarm(async () => ({
  agents: 0,
  coordinator: {
    publicUpstream: `${PUBLIC}/`,
    contact: 'farm@example.org',
    allowDefaults: 'true',
    repositoryAllowList: ['https://feeds.example/ok'],
    upstream: await mirrorOf({
      '.versions.json': {
        stable_version: '24.10.10',
        oldstable_version: '23.05.6',
        upcoming_version: '25.12.0-rc2',
        versions_list: [
          ...['24.10.10', '24.10.9', '24.10.0', '24.10.0-rc10', '24.10.0-rc9', '23.05.6', '23.05.0-rc1'],
          ...['22.03.7', '19.07.10', '25.12.0-rc1', '21.02.7'],
        ],
      },
      'releases/24.10.10/.targets.json': { 'x86/64': 'x86_64', 'mediatek/filogic': 'aarch64_cortex-a53' },
      'releases/25.12.0-rc2/.targets.json': { 'x86/64': 'x86_64' },
      'snapshots/.targets.json': { 'x86/64': 'x86_64' },
    }),
  },
}));
const { wire } = used;

afterAll(() => opened[Symbol.asyncDispose]());

type Branch = Readonly<Record<string, unknown>>;

async function overview(): Promise<{
  latest: string[];
  branches: Record<string, Branch>;
  upstream_url: string;
  server: Record<string, unknown>;
}> {
  return JSON.parse((await wire.get('/json/v1/overview.json')).text);
}

describe('latest', () => {
  test('LuCI walks from upcoming over stable to oldstable', async () => {
    expect((await wire.get('/json/v1/latest.json')).json).toEqual({
      latest: ['25.12.0-rc2', '24.10.10', '23.05.6'],
    });
    expect((await overview()).latest).toEqual(['25.12.0-rc2', '24.10.10', '23.05.6']);
  });
});

describe('what LuCI makes of it', () => {
  const offered = (version: string, age: LuciAge) => {
    const device = { version, target: 'x86/64', filesystem: 'ext4', packages: [] };
    return new Luci(used.farm.url, device, age).check();
  };

  test.each<[what: string, version: string, age: LuciAge, offered: readonly string[]]>([
    ['C finds the newest of its own branch', '23.05.5', LUCI_C_OF_2023, ['23.05.6']],
    ['C finds nothing on the newest of its branch', '23.05.6', LUCI_C_OF_2023, []],
    ['D proposes its own branch first', '24.10.9', LUCI_D, ['24.10.10', '25.12.0-rc2']],
    ['E does too', '24.10.9', LUCI_E, ['24.10.10', '25.12.0-rc2']],
    ['E finds what is newer than the newest of its branch', '24.10.10', LUCI_E, ['25.12.0-rc2']],
  ])('%s', async (_what, version, age, versions) => {
    expect(await offered(version, age)).toEqual(versions);
  });
});

describe('versions of a branch', () => {
  test.each<[branch: string, versions: readonly string[]]>([
    ['SNAPSHOT', ['SNAPSHOT']],
    ['25.12', ['25.12.0-rc2', '25.12.0-rc1', '25.12-SNAPSHOT']],
    ['24.10', ['24.10.10', '24.10.9', '24.10.0', '24.10.0-rc10', '24.10.0-rc9', '24.10-SNAPSHOT']],
    ['23.05', ['23.05.6', '23.05.0-rc1', '23.05-SNAPSHOT']],
    ['22.03', ['22.03.7', '22.03-SNAPSHOT']],
    ['21.02', ['21.02.7', '21.02-SNAPSHOT']],
  ])('%s: releases by number, candidates, the snapshot', async (branch, versions) => {
    expect((await overview()).branches[branch]?.versions).toEqual(versions);
  });

  test('a version of no branch is not offered', async () => {
    const { branches } = await overview();
    expect(Object.keys(branches)).not.toContain('19.07');
    expect(Object.values(branches).flatMap(({ versions }) => versions)).not.toContain('19.07.10');
  });
});

describe('a branch in the overview', () => {
  test.each<[client: string, key: string, of: Readonly<Record<string, unknown>>]>([
    ['owut skips a branch without', 'enabled', { '24.10': true, '21.02': true, SNAPSHOT: true }],
    ['auc skips a branch without', 'name', { '24.10': '24.10', SNAPSHOT: 'SNAPSHOT' }],
    ['owut and auc fill in', 'path', { '24.10': 'releases/{version}', SNAPSHOT: 'snapshots' }],
    ['auc skips a branch without', 'path_packages', { '24.10': 'DEPRECATED', SNAPSHOT: 'DEPRECATED' }],
    ['auc reads', 'snapshot', { SNAPSHOT: true }],
    [
      'auc reads',
      'branch_off_rev',
      {
        ...{ '25.12': 32_295, '24.10': 27_990, '23.05': 23_069, '22.03': 19_160, '21.02': 15_812 },
        SNAPSHOT: undefined,
      },
    ],
    [
      'owut and auc look for their target in',
      'targets',
      {
        '24.10': { 'x86/64': 'x86_64', 'mediatek/filogic': 'aarch64_cortex-a53' },
        '25.12': { 'x86/64': 'x86_64' },
        '23.05': {},
      },
    ],
  ])('%s `%s`', async (_client, key, of) => {
    const { branches } = await overview();
    for (const [name, value] of Object.entries(of)) expect(branches[name]?.[key], name).toEqual(value);
  });

  test.each<[branch: string, sources: readonly string[]]>([
    ['21.02', []],
    ['22.03', ['firewall']],
    ['23.05', ['firewall', 'kmod-nft-nat6', 'libustream-wolfssl', 'px5g-wolfssl', 'wpad-basic-wolfssl']],
    [
      '24.10',
      [
        ...['firewall', 'kmod-nft-nat6', 'libustream-wolfssl', 'px5g-wolfssl', 'wpad-basic-wolfssl'],
        ...['luci-app-diag-core', 'auc', 'luci-app-opkg'],
      ],
    ],
    [
      'SNAPSHOT',
      [
        ...['firewall', 'kmod-nft-nat6', 'libustream-wolfssl', 'px5g-wolfssl', 'wpad-basic-wolfssl'],
        ...['luci-app-diag-core', 'auc', 'luci-app-opkg', 'opkg'],
      ],
    ],
  ])('LuCI iterates over `package_changes` of %s', async (branch, sources) => {
    const changes = (await overview()).branches[branch]?.package_changes as Branch[];
    expect(changes.map(({ source }) => source)).toEqual(sources);
  });

  test('owut renames by `target` and removes without one', async () => {
    const changes = (await overview()).branches.SNAPSHOT?.package_changes as Branch[];
    expect(changes).toContainEqual({ source: 'auc', target: 'owut', revision: 26_792 });
    expect(changes).toContainEqual({ source: 'kmod-nft-nat6', revision: 20_282, mandatory: true });
    expect(changes).toContainEqual({ source: 'luci-app-diag-core', revision: 25_984, mandatory: true });
    expect(changes).toContainEqual({ source: 'opkg', target: 'apk-mbedtls', revision: 28_056 });
  });

  test('auc: `branches.json` is the same branches, as an array in the order of the configuration', async () => {
    const array = JSON.parse((await wire.get('/json/v1/branches.json')).text) as Branch[];
    expect(array.map(({ name }) => name)).toEqual(['SNAPSHOT', '25.12', '24.10', '23.05', '22.03', '21.02']);
    expect(Object.fromEntries(array.map((branch) => [branch.name, branch]))).toEqual(
      (await overview()).branches,
    );
  });
});

describe('the rest of the overview', () => {
  test('owut downloads from `upstream_url` itself: it is the public mirror, not ours', async () => {
    expect((await overview()).upstream_url).toBe(PUBLIC);
  });

  test('owut reads the limits, the Firmware Selector nothing', async () => {
    expect((await overview()).server).toEqual({
      version: expect.stringMatching(/\d+\.\d+\.\d+/),
      contact: 'farm@example.org',
      allow_defaults: true,
      repository_allow_list: ['https://feeds.example/ok'],
      max_custom_rootfs_size_mb: 1024,
      max_defaults_length: 20_480,
    });
  });

  test('its keys are those of asu', async () => {
    expect(Object.keys(await overview()).sort()).toEqual(['branches', 'latest', 'server', 'upstream_url']);
  });
});

describe('branches that have nothing yet, or nothing any more', () => {
  const { wire: scarce } = useFarm(async () => {
    const distribution = await writeDistribution(({ branches }) => ({
      branches: branches.map((branch) => ({ ...branch, enabled: branch.name !== '22.03' })),
    }));
    opened.use('distribution', distribution);
    return {
      agents: 0,
      coordinator: {
        distros: [distribution.path],
        upstream: await mirrorOf({
          '.versions.json': {
            stable_version: '24.10.4',
            oldstable_version: '22.03.7',
            versions_list: ['24.10.4', '22.03.7'],
          },
          'releases/24.10.4/.targets.json': { 'x86/64': 'x86_64' },
        }),
      },
    };
  });

  type Told = { readonly branches: Record<string, Branch>; readonly latest: readonly string[] };

  test('LuCI: the newest version is of a branch that is built', async () => {
    for (const path of ['/json/v1/latest.json', '/api/v1/latest', '/json/latest.json']) {
      const reply = await scarce.get(path);
      expect([reply.status, reply.json], path).toEqual([200, { latest: ['24.10.4'] }]);
    }
  });

  test.each(['/json/v1/overview.json', '/api/v1/overview', '/api/overview'])(
    'owut, LuCI: %s tells all branches, whole, where asu answers 500',
    async (path) => {
      const reply = await scarce.get(path);
      expect(reply.status).toBe(200);
      const { branches, latest } = reply.json as unknown as Told;
      expect(latest).toEqual(['24.10.4']);
      expect(Object.keys(branches)).toEqual(['SNAPSHOT', '25.12', '24.10', '23.05', '22.03', '21.02']);
      expect(branches['24.10']).toMatchObject({ versions: ['24.10.4', '24.10-SNAPSHOT'], enabled: true });
      expect(branches['25.12']).toMatchObject({ versions: ['25.12-SNAPSHOT'], targets: {} });
      expect(branches['22.03']).toMatchObject({ versions: [], targets: {}, enabled: false });
      for (const branch of Object.values(branches)) expect(branch.package_changes).toBeInstanceOf(Array);
    },
  );

  test.each(['/json/v1/branches.json', '/json/branches.json'])('auc: %s has them too', async (path) => {
    const reply = await scarce.get(path);
    expect(reply.status).toBe(200);
    const branches = JSON.parse(reply.text) as Branch[];
    expect(branches.map(({ name }) => name)).toContain('22.03');
    expect(branches.find(({ name }) => name === '22.03')).toMatchObject({ enabled: false, versions: [] });
  });

  test('the lists of 2020 leave such a branch out', async () => {
    const { branches, ...versions } = (await scarce.get('/api/versions')).json;
    expect(branches).toContainEqual({ name: '24.10', latest: '24.10.4' });
    expect(branches).not.toContainEqual(expect.objectContaining({ name: '22.03' }));
    expect(Object.keys(versions)).not.toContain('22.03.7');
  });

  test('and nothing of it is built', async () => {
    const body = { version: '22.03.7', target: 'x86/64', profile: 'generic' };
    const reply = await scarce.post('/api/v1/build', body);
    expect([reply.status, reply.json.detail]).toEqual([400, 'Unsupported branch: 22.03.7']);
  });
});
