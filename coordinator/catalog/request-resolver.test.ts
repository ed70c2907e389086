import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { requestHash } from '../../shared/domain/build-spec.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { silentLog } from '../../shared/log.ts';
import { shippedOpenWrt } from './branches.ts';
import type { BuildRequest } from './build-request.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { RequestResolver, type ResolvePolicy } from './request-resolver.ts';
import { createTestClock, type TestClock } from './test-clock.test.support.ts';
import { startTinyUpstream, type TinyUpstream } from './tiny-upstream.test.support.ts';

const REQUEST: BuildRequest = {
  ...plainSpec({ target: 'ath79/generic', profile: 'tplink_archer-c7-v5' }),
  client: 'test/1',
};
const TARGET_TEXT =
  'The requested target was either dropped, is still being built or is not supported by the selected version. ' +
  'Please check the forums or try again later.';

describe('resolve', () => {
  let upstream: TinyUpstream;
  let clock: TestClock;
  let catalog: Catalog;
  let closed: RequestResolver;

  beforeEach(async () => {
    upstream = await startTinyUpstream();
    clock = createTestClock();
    catalog = createCatalog(
      { clock, log: silentLog },
      {
        upstream: upstream.url,
        freshMs: 60_000,
        limits: { idleMs: 200, totalMs: 1_000 },
        patienceMs: 50,
        version: '0.1.0',
        contact: '',
        allowDefaults: false,
        repositoryAllowList: [],
        publicUpstream: upstream.url,
      },
    );
    closed = new RequestResolver({ catalog, clock, log: silentLog }, CLOSED);
  });

  afterEach(async () => {
    await catalog[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  const CLOSED: ResolvePolicy = { allowDefaults: false, repositoryAllowList: [] };
  function resolve(changes: Partial<BuildRequest>, policy: ResolvePolicy = CLOSED) {
    const resolver =
      policy === CLOSED ? closed : new RequestResolver({ catalog, clock, log: silentLog }, policy);
    return resolver.resolve({ ...REQUEST, ...changes });
  }

  test('a request becomes a spec with a pinned builder', async () => {
    const resolved = await resolve({
      profile: 'tplink,archer-c7-v5',
      packages: ['vim', 'tmux', 'vim', '-ppp'],
      defaults: '',
      versionCode: 'r28959-29397011cc',
    });
    expect(resolved).toEqual({
      client: 'test/1',
      source: {
        distro: 'openwrt',
        version: '24.10.4',
        target: 'ath79/generic',
        versionPath: 'releases/24.10.4',
        digest: 'a'.repeat(64),
      },
      spec: {
        distro: 'openwrt',
        version: '24.10.4',
        versionCode: 'r28959-29397011cc',
        target: 'ath79/generic',
        profile: 'tplink_archer-c7-v5',
        packages: ['vim', 'tmux', '-ppp'],
        packagesVersions: {},
        diffPackages: false,
        defaults: null,
        rootfsSizeMb: null,
        filesystem: null,
        repositories: {},
        repositoriesMode: 'replace',
        repositoryKeys: [],
      },
    });
  });

  test('the keys of packages_versions replace packages', async () => {
    const { spec } = await resolve({ packages: ['nope'], packagesVersions: { vim: '1', luci: '2' } });
    expect(spec.packages).toEqual(['vim', 'luci']);
  });

  test('a second request costs upstream nothing', async () => {
    await resolve({ packages: ['vim'] });
    const before = upstream.requests.length;
    await resolve({ packages: ['vim', 'luci'] });
    expect(upstream.requests).toHaveLength(before);
  });

  test.each<[Partial<BuildRequest>, string]>([
    [{ defaults: 'x' }, 'Handling `defaults` not enabled on server'],
    [{ repositories: { a: 'https://x.example/' } }, 'Repository not allowed: https://x.example/'],
    [{ distro: 'lede' }, 'Unsupported distro: lede'],
    [{ version: '19.07.7' }, 'Unsupported branch: 19.07.7'],
    [{ version: '' }, 'Unsupported branch: '],
    [{ version: '24.10.99' }, 'Unsupported version: 24.10.99'],
    [{ version: '24.10' }, 'Unsupported version: 24.10'],
    [{ target: 'ath79/nand' }, `Unsupported target: ath79/nand. ${TARGET_TEXT}`],
    [{ target: '__proto__/x' }, `Unsupported target: __proto__/x. ${TARGET_TEXT}`],
    [{ version: '24.10.10' }, `Unsupported target: ath79/generic. ${TARGET_TEXT}`],
    [
      { profile: 'nope' },
      'Unsupported profile: nope. The requested profile was either dropped or never existed. Please check the forums for more information.',
    ],
  ])('%j is refused with its text', async (changes, message) => {
    await expect(resolve(changes)).rejects.toMatchObject({ code: 'invalid_request', message, details: {} });
  });

  test('another revision than the one insisted on is told as the failure it would be', async () => {
    expect((await resolve({ versionCode: 'r1-x' })).outdated).toMatchObject({
      message: 'Received incorrect version r28959-29397011cc (requested r1-x)',
      details: { failsAs: 'version' },
    });
  });

  test('checks come in asu’s order', async () => {
    const all = { defaults: 'x', distro: 'x', version: 'x', target: 'x/y', profile: 'z' };
    await expect(resolve(all)).rejects.toMatchObject({ message: expect.stringContaining('defaults') });
    await expect(resolve({ ...all, defaults: '' })).rejects.toMatchObject({
      message: 'Unsupported distro: x',
    });
    await expect(resolve({ target: 'x/y', profile: 'z' })).rejects.toMatchObject({
      message: expect.stringContaining('Unsupported target'),
    });
  });

  test('unknown packages are told at once, with what may have been meant', async () => {
    await expect(resolve({ packages: ['vim', 'tmxu', 'zzz-none', '-gone'] })).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'Unknown package(s): tmxu, zzz-none (did you mean tmux?)',
      details: { unknownPackages: ['tmxu', 'zzz-none'] },
    });
  });

  test('feeds, kernel modules, default, device, built-in, provided and ABI-suffixed packages are known', async () => {
    const packages = [
      'luci-ssl',
      'firewall4',
      'kmod-usb2',
      'busybox',
      'kmod-ath10k',
      'libc',
      'kernel',
      'base-files',
      'dnsmasq',
      'dns-server-any',
      'libncurses6',
      'libncurses',
      'libubox20240329',
    ];
    expect((await resolve({ packages })).spec.packages).toEqual(packages);
  });

  test('packages of another device are not known by being its', async () => {
    await expect(resolve({ profile: '8dev_carambola2', packages: ['kmod-ath10k'] })).rejects.toMatchObject({
      details: { unknownPackages: ['kmod-ath10k'] },
    });
  });

  test('where the package manager’s index cannot be had, ABI-suffixed names pass and others do not', async () => {
    const on = { version: '25.12.0', target: 'x86/64' };
    const packages = ['libubox20240329', 'libpython3-3.11', 'kmod-unlisted'];
    expect((await resolve({ ...on, packages })).spec.packages).toEqual(packages);
    await expect(resolve({ ...on, packages: ['vi2', 'libubox-2'] })).rejects.toMatchObject({
      details: { unknownPackages: ['vi2', 'libubox-2'] },
    });
  });

  test('a name in apk’s own index is known', async () => {
    upstream.files.set(
      'releases/25.12.0/packages/x86_64/base/packages.adb',
      Buffer.from('ADB.\x05uvirt', 'latin1'),
    );
    const on = { version: '25.12.0', target: 'x86/64' };
    expect((await resolve({ ...on, packages: ['uvirt'] })).spec.packages).toEqual(['uvirt']);
  });

  test('the build decides when an index fails or custom repositories are given', async () => {
    upstream.troubles.set('releases/24.10.4/packages/mips_24kc/luci/index.json', { status: 500, text: '' });
    expect((await resolve({ packages: ['nope'] })).spec.packages).toEqual(['nope']);
    upstream.troubles.clear();
    const repositories = { mine: 'https://ok.example/feed' };
    const open = { allowDefaults: false, repositoryAllowList: ['https://ok.example/'] };
    clock.advance(60_000);
    expect((await resolve({ packages: ['nope'], repositories }, open)).spec.repositories).toEqual(
      repositories,
    );
  });

  test('the build decides when upstream lists no feeds', async () => {
    upstream.files.delete('releases/24.10.4/packages/mips_24kc/feeds.conf');
    expect((await resolve({ packages: ['nope'] })).spec.packages).toEqual(['nope']);
  });

  test('a copy of a part of the mirror will do: without lists of versions and targets, and with compressed indexes only', async () => {
    const { files } = upstream;
    const base = 'releases/24.10.4/packages/mips_24kc/base';
    files.delete('.versions.json');
    files.delete('releases/24.10.4/.targets.json');
    files.delete(`${base}/index.json`);
    files.set(`${base}/Packages.gz`, gzipSync('Package: only-here6\nVersion: 1\nABIVersion: 6\n\n'));
    files.delete(`${base}/Packages`);
    expect((await resolve({ packages: ['only-here'] })).spec.packages).toEqual(['only-here']);
    await expect(resolve({ packages: ['nowhere'] })).rejects.toMatchObject({
      details: { unknownPackages: ['nowhere'] },
    });
    await expect(resolve({ version: '24.10.5' })).rejects.toMatchObject({
      message: expect.stringContaining('Unsupported target'),
    });
    await expect(resolve({ version: '19.07.7' })).rejects.toMatchObject({
      message: 'Unsupported branch: 19.07.7',
    });
  });

  test('a request is judged by its own packages, also where the same ones were just asked for', async () => {
    await resolve({ packages: ['vim', 'tmux', 'luci'] });
    expect((await resolve({ packages: ['tmux', '-vim', 'vim', 'tmux'] })).spec.packages).toEqual([
      'tmux',
      '-vim',
      'vim',
    ]);
    expect((await resolve({ packages: ['libc', 'vim'] })).spec.packages).toEqual(['libc', 'vim']);
    await expect(resolve({ packages: ['vim', 'tmux', 'vimm'] })).rejects.toMatchObject({
      details: { unknownPackages: ['vimm'] },
    });
    await expect(resolve({ packages: ['vim', '-a$(b)'] })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('cannot be a package'),
    });
  });

  test('a package that upstream dropped is unknown once the index has been read again', async () => {
    await resolve({ packages: ['vim', 'tmux'] });
    const base = 'releases/24.10.4/packages/mips_24kc/base';
    upstream.files.delete(`${base}/Packages`);
    upstream.files.set(
      `${base}/index.json`,
      JSON.stringify({ version: 2, architecture: 'mips_24kc', packages: { vim: '2-r1' } }),
    );
    clock.advance(60_000);
    await expect(resolve({ packages: ['vim', 'tmux'] })).rejects.toMatchObject({
      details: { unknownPackages: ['tmux'] },
    });
  });

  test('who names a revision that has just appeared gets the builder of that revision', async () => {
    await resolve({ packages: ['vim'] });
    const folder = 'releases/24.10.4/targets/ath79/generic';
    const profiles = String(upstream.files.get(`${folder}/profiles.json`));
    const sums = String(upstream.files.get(`${folder}/sha256sums`));
    upstream.files.set(`${folder}/profiles.json`, profiles.replace('r28959-29397011cc', 'r29000-0123456789'));
    upstream.files.set(`${folder}/sha256sums`, sums.replace('a'.repeat(64), 'd'.repeat(64)));
    clock.advance(5_000);
    const { source, spec } = await resolve({ packages: ['vim'], versionCode: 'r29000-0123456789' });
    expect(spec.versionCode).toBe('r29000-0123456789');
    expect(source.digest).toBe('d'.repeat(64));
  });

  test('any name and none mean `generic` where that is all', async () => {
    for (const profile of ['my_board', null]) {
      expect((await resolve({ version: '25.12.0', target: 'x86/64', profile })).spec.profile).toBe('generic');
    }
  });

  test('a profile left out elsewhere is a missing field', async () => {
    await expect(resolve({ profile: null })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { missingField: 'profile' },
    });
  });

  test('a release that appears is found after five seconds at most', async () => {
    await expect(resolve({ version: '24.10.11' })).rejects.toMatchObject({
      message: 'Unsupported version: 24.10.11',
    });
    upstream.files.set('.versions.json', JSON.stringify({ versions_list: ['24.10.11'] }));
    clock.advance(5_000);
    await expect(resolve({ version: '24.10.11' })).rejects.toMatchObject({
      message: expect.stringContaining('Unsupported target'),
    });
  });

  test('an unreachable upstream is unavailable, naming the document, and stale knowledge goes on working', async () => {
    await resolve({ packages: ['vim'] });
    upstream.troubles.set('*', { status: 502, text: '' });
    clock.advance(120_000);
    expect((await resolve({ packages: ['luci'] })).source.digest).toBe('a'.repeat(64));
    expect(catalog.failing().old).toBeGreaterThan(0);
    await expect(resolve({ version: '25.12.0', target: 'x86/64' })).rejects.toMatchObject({
      code: 'unavailable',
      details: { document: 'releases/25.12.0/.targets.json' },
    });
  });

  test('a target without an ImageBuilder is still being built', async () => {
    upstream.files.delete('releases/24.10.4/targets/ath79/generic/sha256sums');
    await expect(resolve({})).rejects.toMatchObject({
      message: expect.stringContaining('is still being built'),
    });
  });

  test('packages are what the rules make of them before they are checked', async () => {
    const index = 'releases/24.10.4/packages/mips_24kc/base/index.json';
    const packages = { vim: '1-r1', owut: '1-r1', 'luci-i18n-package-manager-de': '1-r1' };
    upstream.files.set(index, JSON.stringify({ version: 2, architecture: 'mips_24kc', packages }));
    const { spec } = await resolve({
      packagesVersions: { auc: '0.3', vim: '1-r1', 'luci-i18n-opkg-de': '1', 'luci-i18n-base-en': '1' },
    });
    expect(spec.packages).toEqual(['owut', 'vim', 'luci-i18n-package-manager-de']);
    expect(spec.packagesVersions).toEqual({ vim: '1-r1' });
  });

  test('what a rule adds is part of the request, unless upstream does not have it', async () => {
    const add = (name: string) => ({ why: 'test', profiles: ['glinet_gl-ar150'], add: [name] });
    const distribution = { ...shippedOpenWrt(), packageRules: [add('tmux'), add('never-built')] };
    await using adding = createCatalog(
      { clock, log: silentLog },
      {
        upstream: upstream.url,
        distributions: new Map([['openwrt', distribution]]),
        freshMs: 60_000,
        version: '0.1.0',
        contact: '',
        allowDefaults: false,
        repositoryAllowList: [],
        publicUpstream: upstream.url,
      },
    );
    const resolver = new RequestResolver({ catalog: adding, clock, log: silentLog }, CLOSED);
    const asked = { ...REQUEST, profile: 'glinet_gl-ar150', packages: ['vim'] };
    const implied = (await resolver.resolve(asked)).spec;
    expect(implied.packages).toEqual(['vim', 'tmux']);
    const spelled = (await resolver.resolve({ ...asked, packages: ['tmux', 'vim'] })).spec;
    expect(requestHash(spelled)).toBe(requestHash(implied));
  });

  test('another distribution has its own mirror, branches and limits', async () => {
    await using other = await startTinyUpstream();
    const mywrt = { ...shippedOpenWrt(), name: 'mywrt', upstream: other.url };
    other.files.set(
      'releases/24.10.4/targets/x86/64/sha256sums',
      `${'e'.repeat(64)} *mywrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst\n`,
    );
    await using both = createCatalog(
      { clock, log: silentLog },
      {
        upstream: upstream.url,
        distributions: new Map([
          ['openwrt', shippedOpenWrt()],
          ['mywrt', mywrt],
        ]),
        freshMs: 60_000,
        version: '0.1.0',
        contact: '',
        allowDefaults: false,
        repositoryAllowList: [],
        publicUpstream: upstream.url,
      },
    );
    const resolver = new RequestResolver({ catalog: both, clock, log: silentLog }, CLOSED);
    const asked = { ...REQUEST, distro: 'mywrt', target: 'x86/64', profile: null };
    expect((await resolver.resolve(asked)).source).toMatchObject({
      distro: 'mywrt',
      digest: 'e'.repeat(64),
    });
    expect(upstream.requests).toEqual([]);
    await expect(resolver.resolve({ ...asked, target: 'ath79/generic' })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});
