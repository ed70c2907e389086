import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../shared/log.ts';
import { type ClientCatalog, createClientCatalog } from './client-catalog.ts';
import { createTestClock, type TestClock } from './test-clock.test.support.ts';
import { startTinyUpstream, type TinyUpstream } from './tiny-upstream.test.support.ts';

const OVERVIEW = {
  latest: ['25.12.0', '24.10.4'],
  branches: {
    SNAPSHOT: { name: 'SNAPSHOT', enabled: true, snapshot: true, path: 'snapshots', versions: ['SNAPSHOT'] },
    '25.12': { name: '25.12', enabled: true, path: 'releases/{version}', versions: ['25.12.0'] },
    '24.10': { name: '24.10', enabled: true, path: 'releases/{version}', versions: ['24.10.4', '24.10.0'] },
    '19.07': { name: '19.07', enabled: false, path: 'releases/{version}', versions: [] },
  },
  upstream_url: 'https://public.example',
};

describe('what clients read of upstream', () => {
  let upstream: TinyUpstream;
  let clock: TestClock;
  let catalog: ClientCatalog;

  beforeEach(async () => {
    upstream = await startTinyUpstream();
    clock = createTestClock();
    const config = {
      upstream: upstream.url,
      freshMs: 60_000,
      limits: { idleMs: 200, totalMs: 1_000 },
      patienceMs: 50,
    };
    const overview = Buffer.from(JSON.stringify(OVERVIEW));
    catalog = createClientCatalog({ clock, log: silentLog }, config, async () => overview);
  });

  afterEach(async () => {
    await catalog[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  const json = (bytes: Buffer | undefined): unknown => JSON.parse(String(bytes));

  test('lists are parts of the overview, the same bytes until it changes', async () => {
    expect(json(await catalog.lists.latest())).toEqual({ latest: ['25.12.0', '24.10.4'] });
    expect(json(await catalog.lists.branches())).toEqual(Object.values(OVERVIEW.branches));
    expect(await catalog.lists.branches()).toBe(await catalog.lists.branches());
  });

  test('the versions of v0.3.0 also tell LuCI of March 2020 the newest of each branch', async () => {
    expect(json(await catalog.lists.legacyVersions())).toEqual({
      SNAPSHOT: { branch: 'master', path: 'snapshots', pubkey: '' },
      '25.12.0': { branch: 'openwrt-25.12', path: 'releases/25.12.0', pubkey: '' },
      '24.10.4': { branch: 'openwrt-24.10', path: 'releases/24.10.4', pubkey: '' },
      '24.10.0': { branch: 'openwrt-24.10', path: 'releases/24.10.0', pubkey: '' },
      branches: [
        { name: 'snapshot', latest: 'snapshot' },
        { name: '25.12', latest: '25.12.0' },
        { name: '24.10', latest: '24.10.4' },
      ],
    });
  });

  test('the index of a target joins its kernel modules', async () => {
    const index = await catalog.documents.targetIndex('24.10.4', 'ath79/generic');
    expect(json(index)).toEqual({
      architecture: 'any',
      packages: { firewall4: '1-r1', libubox: '1-r1', 'kmod-usb2': '1-r1' },
    });
    expect(await catalog.documents.targetIndex('24.10.4', 'ath79/generic')).toBe(index);
  });

  test('the index of an architecture merges its feeds, flat', async () => {
    expect(json(await catalog.documents.architectureIndex('24.10.4', 'mips_24kc'))).toEqual({
      vim: '1-r1',
      tmux: '1-r1',
      'dnsmasq-full': '1-r1',
      luci: '1-r1',
      'luci-ssl': '1-r1',
    });
  });

  test('an old index.json gives way to Packages, whose names lose their ABI suffix', async () => {
    const folder = 'releases/24.10.4/packages/mips_24kc';
    const old = { architecture: 'mips_24kc', packages: { libncurses6: '6.4-r1' } };
    upstream.files.set(`${folder}/base/index.json`, JSON.stringify(old));
    upstream.files.set(`${folder}/luci/index.json`, JSON.stringify(old));
    expect(json(await catalog.documents.architectureIndex('24.10.4', 'mips_24kc'))).toEqual({
      vim: '1-r1',
      tmux: '1-r1',
      libncurses: '6.4-r1',
      'dnsmasq-full': '1-r1',
      libncurses6: '6.4-r1',
    });
  });

  test('an index is made anew when one of its feeds changes', async () => {
    await catalog.documents.architectureIndex('24.10.4', 'mips_24kc');
    const changed = { version: 2, architecture: 'mips_24kc', packages: { luci: '2-r1' } };
    upstream.files.set('releases/24.10.4/packages/mips_24kc/luci/index.json', JSON.stringify(changed));
    clock.advance(60_000);
    expect(json(await catalog.documents.architectureIndex('24.10.4', 'mips_24kc'))).toMatchObject({
      luci: '2-r1',
    });
  });

  test('what upstream does not list is an empty object, and is not asked for', async () => {
    expect(json(await catalog.documents.targetIndex('24.10.4', 'ath79/nand'))).toEqual({});
    expect(json(await catalog.documents.targetIndex('18.06.1', 'ath79/generic'))).toEqual({});
    expect(json(await catalog.documents.architectureIndex('24.10.4', 'sparc'))).toEqual({});
    expect(json(await catalog.documents.architectureIndex('24.10.0', 'x86_64'))).toEqual({});
    expect(upstream.requests.filter((each) => !each.endsWith('.targets.json'))).toEqual([]);
  });

  test('kernel modules without the packages they belong to are no index', async () => {
    upstream.files.delete('releases/24.10.4/targets/ath79/generic/packages/index.json');
    expect(await catalog.documents.targetIndex('24.10.4', 'ath79/generic')).toBeUndefined();
  });

  test.each(['tplink_archer-c7-v5', 'tplink,archer-c7-v5', 'old-tplink_archer-c7-v5'])(
    'a profile is found as %s, with the metadata of its target',
    async (name) => {
      const profile = json(await catalog.documents.profile('24.10.4', 'ath79/generic', name));
      expect(profile).toMatchObject({
        id: 'tplink_archer-c7-v5',
        arch_packages: 'mips_24kc',
        target: 'ath79/generic',
        version_code: 'r28959-29397011cc',
        device_packages: ['kmod-ath10k'],
        titles: [{ vendor: 'V', model: 'tplink_archer-c7-v5' }],
        build_at: '1970-01-01T00:00:00.000000Z',
      });
      expect(profile).not.toHaveProperty('profiles');
    },
  );

  test('a release’s target that is built anew is seen by its sums, long before its documents grow old', async () => {
    await using lasting = createClientCatalog(
      { clock, log: silentLog },
      { upstream: upstream.url, freshMs: 60_000, releaseFreshMs: 24 * 3_600_000 },
      async () => Buffer.from(JSON.stringify(OVERVIEW)),
    );
    const revision = async (): Promise<unknown> => {
      const bytes = await lasting.documents.profile('24.10.4', 'ath79/generic', '8dev_carambola2');
      return (json(bytes) as { version_code?: string }).version_code;
    };
    expect(await revision()).toBe('r28959-29397011cc');
    const folder = 'releases/24.10.4/targets/ath79/generic';
    const profiles = String(upstream.files.get(`${folder}/profiles.json`));
    upstream.files.set(`${folder}/profiles.json`, profiles.replace('r28959-29397011cc', 'r28960-0123456789'));
    upstream.files.set(`${folder}/sha256sums`, `${'c'.repeat(64)} *profiles.json\n`);
    clock.advance(60_000);
    expect(await revision()).toBe('r28960-0123456789');
  });

  test('an unknown profile is an empty object, a missing target nothing', async () => {
    expect(json(await catalog.documents.profile('24.10.4', 'ath79/generic', 'nope'))).toEqual({});
    expect(json(await catalog.documents.profile('24.10.4', 'x86/64', 'any-board'))).toMatchObject({
      id: 'generic',
    });
    expect(await catalog.documents.profile('24.10.4', 'ath79/nand', 'x')).toBeUndefined();
  });

  test('upstream failing is told when nothing is cached, and hidden when something is', async () => {
    upstream.troubles.set('*', { status: 500, text: 'oops' });
    await expect(catalog.documents.targetIndex('24.10.4', 'x86/64')).rejects.toMatchObject({
      code: 'unavailable',
    });
    upstream.troubles.clear();
    clock.advance(60_000);
    const index = await catalog.documents.architectureIndex('24.10.4', 'mips_24kc');
    upstream.troubles.set('*', { status: 200, text: '<html>' });
    clock.advance(60_000);
    expect(await catalog.documents.architectureIndex('24.10.4', 'mips_24kc')).toBe(index);
    expect(catalog.failing().old).toBeGreaterThan(0);
  });

  test('the target of a profile is looked up over the whole version', async () => {
    expect(await catalog.versions.targetOf('24.10.4', 'glinet,gl-ar150')).toBe('ath79/generic');
    expect(await catalog.versions.targetOf('24.10.4', 'old-8dev_carambola2')).toBe('ath79/generic');
    expect(await catalog.versions.targetOf('24.10.4', 'generic')).toBe('x86/64');
    expect(await catalog.versions.targetOf('24.10.4', 'nope')).toBeUndefined();
    upstream.troubles.set('releases/24.10.4/targets/x86/64/profiles.json', { status: 500, text: '' });
    clock.advance(600_000);
    expect(await catalog.versions.targetOf('24.10.4', 'glinet_gl-ar150')).toBe('ath79/generic');
  });

  test('a target that cannot be read may have the profile that no other has', async () => {
    upstream.troubles.set('releases/24.10.4/targets/x86/64/profiles.json', { status: 500, text: '' });
    await expect(catalog.versions.targetOf('24.10.4', 'nope')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('profiles, names and packages of a version are what the janitor of v0.3.0 wrote', async () => {
    const metadata = {
      metadata_version: 1,
      target: 'ath79/generic',
      version_commit: 'r28959-29397011cc',
      version_number: '24.10.4',
      url: 'https://public.example/releases/24.10.4/targets/{target}',
    };
    expect(json(await catalog.versions.profiles('24.10.4'))).toEqual({
      ...metadata,
      profiles: {
        'tplink_archer-c7-v5': { target: 'ath79/generic' },
        '8dev_carambola2': { target: 'ath79/generic' },
        'glinet_gl-ar150': { target: 'ath79/generic' },
        generic: { target: 'x86/64' },
      },
    });
    expect(json(await catalog.versions.names('24.10.4'))).toEqual({
      ...metadata,
      models: {
        'V tplink_archer-c7-v5': { target: 'ath79/generic', id: 'tplink_archer-c7-v5', images: [] },
        'V 8dev_carambola2': { target: 'ath79/generic', id: '8dev_carambola2', images: [] },
        'V glinet_gl-ar150': { target: 'ath79/generic', id: 'glinet_gl-ar150', images: [] },
        'V generic': { target: 'x86/64', id: 'generic', images: [] },
      },
    });
    expect(json(await catalog.versions.packages('25.12.0'))).toEqual(['libpython3', 'libubox', 'vim']);
    for (const list of ['profiles', 'names', 'packages'] as const) {
      expect(await catalog.versions[list]('24.10.0')).toBeUndefined();
    }
  });
});
