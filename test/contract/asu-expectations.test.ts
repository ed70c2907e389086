import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Disposers } from '../../shared/lifecycle.ts';
import { writeDistribution } from '../support/distribution-file.ts';
import { ASU_REVISION, asuMirrorFiles } from '../support/upstream/asu-mirror.ts';
import { startMetadataMirror } from '../support/upstream/metadata-mirror.ts';
import { useFarm } from '../support/use-farm.ts';
import type { WireReply } from '../support/wire.ts';
import { ARCHER, build, hashFor, imagesOf, X86 } from '../support/wire-builds.ts';

/*
 * What asu expects of itself over HTTP (openwrt/asu, tests/test_api.py, test_security.py, test_store.py, test_branches.py,
 * test_package_changes.py), in our words. asu's tests build at once and with fakes; here what is accepted is `queued` on a
 * mirror in the shape of theirs, and what is built comes from the miniature. Where we differ on purpose, the name says so.
 */

const opened = new Disposers();

afterAll(() => opened[Symbol.asyncDispose]());

type Body = Readonly<Record<string, unknown>>;

const TEST = { version: '1.2.3', target: 'testtarget/testsubtarget', profile: 'testprofile' } as const;

const { wire } = useFarm(async () => {
  const mirror = opened.use('mirror', await startMetadataMirror(asuMirrorFiles()));
  const file = await writeDistribution(({ branches }) => ({
    branches: [
      ...branches,
      { name: '19.07', path: 'releases/{version}' },
      { name: '1.2', path: 'releases/{version}' },
    ],
  }));
  opened.use('distribution', file);
  return {
    agents: 0,
    coordinator: {
      upstream: mirror.url,
      distros: [file.path],
      repositoryAllowList: ['https://example.com/', 'http://example.com/'],
    },
  };
});

const ask = (change: Body = {}): Promise<WireReply> => wire.post('/api/v1/build', { ...TEST, ...change });

test('nothing waits on a farm that nobody has asked', async () => {
  expect((await wire.get('/api/v1/stats')).json).toEqual({ queue_length: 0 });
});

describe('a request is accepted', () => {
  test.each<[what: string, change: Body]>([
    ['with packages', { packages: ['zzz', 'test1', 'qqq', 'test2', 'aaa'] }],
    ['without a list of packages', {}],
    ['with an empty list of packages', { packages: [] }],
    ['with its revision', { version_code: ASU_REVISION, packages: ['test1', 'test2'] }],
    ['with a size of the root filesystem', { rootfs_size_mb: 100 }],
    ['with versions of packages', { packages_versions: { test1: '1.0', test2: '2.0' } }],
    [
      'with versions and the same as a list',
      { packages: ['test1', 'test2'], packages_versions: { test1: '1.0', test2: '2.0' } },
    ],
    ['with a script that is empty', { defaults: '' }],
    ['with a repository', { repositories: { 'custom-repo': 'https://example.com/packages' } }],
    ['with a repository over http', { repositories: { 'my_repo.v2': 'http://example.com/packages' } }],
  ])('%s', async (_what, change) => {
    const reply = await ask(change);
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ status: 202, detail: 'queued' });
  });

  test('by the name of a supported device', async () => {
    expect(await hashFor(wire, { ...TEST, profile: 'testvendor,testprofile' })).toBe(
      await hashFor(wire, TEST),
    );
  });
});

describe('the request hash', () => {
  const packages = ['test1', 'zzz', 'test2', 'aaa'];

  test('is the same for packages in another order', async () => {
    const hashes = [true, false].map(async (diff_packages) => {
      const one = await hashFor(wire, { ...TEST, packages, diff_packages });
      expect(await hashFor(wire, { ...TEST, packages: packages.toSorted(), diff_packages })).toBe(one);
      return one;
    });
    const [withDiff, without] = await Promise.all(hashes);
    expect(withDiff).not.toBe(without);
  });

  test('is polled by: HEAD says in its headers what GET says, and has no body', async () => {
    const hash = await hashFor(wire, { ...TEST, packages: ['test1', 'test2'] });
    const head = await wire.send(`/api/v1/build/${hash}`, { method: 'HEAD' });
    const get = await wire.get(`/api/v1/build/${hash}`);
    expect([head.status, head.bytes.length]).toEqual([202, 0]);
    expect([get.status, get.json.request_hash]).toEqual([202, hash]);
    for (const reply of [head, get]) {
      expect(reply.header('x-imagebuilder-status')).toBe('queued');
      expect(reply.header('x-queue-position')).toMatch(/^\d+$/);
    }
  });

  test('is unknown, or cannot be posted to', async () => {
    expect((await wire.get('/api/v1/build/testtesttest')).status).toBe(404);
    expect((await wire.send('/api/v1/build/0222f0cd9290', { method: 'POST' })).status).toBe(405);
  });
});

describe('a request is refused with 400', () => {
  const later = 'Please check the forums';

  test.each<[what: string, change: Body, detail: string]>([
    [
      'a target',
      { target: 'testtarget/testsubtargetbad', profile: 'testvendor,testprofile' },
      'Unsupported target: testtarget/testsubtargetbad. The requested target was either dropped, is still being ' +
        `built or is not supported by the selected version. ${later} or try again later.`,
    ],
    ['a distribution', { distro: 'Foobar' }, 'Unsupported distro: Foobar'],
    ['a branch', { version: '10.10.10' }, 'Unsupported branch: 10.10.10'],
    ['a version of a branch that is known', { version: '19.07.2' }, 'Unsupported version: 19.07.2'],
    [
      'a profile',
      { profile: 'Foobar' },
      'Unsupported profile: Foobar. The requested profile was either dropped or never existed. ' +
        `${later} for more information.`,
    ],
    ['a script where none is taken', { defaults: 'echo' }, 'Handling `defaults` not enabled on server'],
    [
      'a repository elsewhere',
      { repositories: { repo: 'https://a.com/repo' } },
      'Repository not allowed: https://a.com/repo',
    ],
  ])('%s', async (_what, change, detail) => {
    const reply = await ask({ packages: ['test1', 'test2'], ...change });
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ detail, status: 400 });
  });
});

test('a revision that is not there is a failed build; asu tells it after building, we before', async () => {
  const reply = await ask({ version_code: 'some-bad-version-code' });
  expect(reply.status).toBe(500);
  expect(reply.json.detail).toBe(
    `Error: Received incorrect version ${ASU_REVISION} (requested some-bad-version-code)`,
  );
});

test('a package that upstream does not have is 422 at once; asu fails to build it', async () => {
  const reply = await ask({ packages: ['test1', 'no-such-package'] });
  expect([reply.status, reply.json.status]).toEqual([422, 422]);
});

describe('a request is refused with 422', () => {
  test.each<[what: string, change: Body, msg: string]>([
    ['a size too small', { rootfs_size_mb: 0 }, 'Input should be greater than or equal to 1'],
    ['a size too big', { rootfs_size_mb: 1025 }, 'Input should be less than or equal to 1024'],
    ['a script too long', { defaults: '#'.repeat(20_481) }, 'String should have at most 20480 characters'],
  ])('%s', async (_what, change, msg) => {
    const reply = await ask(change);
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toMatchObject([{ msg }]);
  });

  test('packages as a text', async () => {
    const reply = await ask({ packages: 'testpackage' });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toEqual([
      {
        input: 'testpackage',
        loc: ['body', 'packages'],
        msg: 'Input should be a valid list',
        type: 'list_type',
      },
    ]);
  });

  test('no body', async () => {
    const reply = await wire.send('/api/v1/build', { method: 'POST' });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toEqual([
      { input: null, loc: ['body'], msg: 'Field required', type: 'missing' },
    ]);
  });

  test.each(['version', 'profile', 'target'])('no %s', async (key) => {
    const { [key]: _left, ...body } = TEST as Body;
    const reply = await wire.post('/api/v1/build', body);
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toEqual([
      { type: 'missing', loc: ['body', key], msg: 'Field required', input: body },
    ]);
  });

  test.each<[what: string, repositories: Body]>([
    ['a line of its own in the name', { 'legit\nsrc/gz pwned http://evil.com': 'https://example.com/repo' }],
    ['blanks in the name', { 'name with spaces': 'https://example.com/repo' }],
    ['a slash in the name', { 'src/gz': 'https://example.com/repo' }],
    ['no name', { '': 'https://example.com/repo' }],
    ['another protocol', { repo: 'ftp://example.com/repo' }],
    ['no protocol', { repo: 'example.com/repo' }],
  ])('a repository with %s', async (_what, repositories) => {
    expect((await ask({ repositories })).status).toBe(422);
  });
});

describe('lists', () => {
  test.each([
    ['/api/v1/overview', '/json/v1/overview.json'],
    ['/api/v1/latest', '/json/v1/latest.json'],
  ])('%s is answered with what asu redirects to', async (path, target) => {
    const reply = await wire.get(path);
    expect([reply.status, reply.text]).toEqual([200, (await wire.get(target)).text]);
  });

  test('branches are as configured, and releases have a folder each', async () => {
    const { branches } = (await wire.get('/json/v1/overview.json')).json as {
      branches: Record<string, Body>;
    };
    expect(branches.SNAPSHOT).toMatchObject({ snapshot: true, path: 'snapshots' });
    expect(branches['24.10']).toMatchObject({ branch_off_rev: 27_990 });
    for (const [name, branch] of Object.entries(branches)) {
      if (name === 'SNAPSHOT') continue;
      expect(branch).toMatchObject({ path: 'releases/{version}', enabled: true, snapshot: false });
    }
  });

  test('the revision of a target', async () => {
    const reply = await wire.get('/api/v1/revision/23.05.5/ath79/generic');
    expect([reply.status, reply.json]).toEqual([200, { revision: 'r24106-10cc5fcd00' }]);
  });
});

describe('packages that changed between releases', () => {
  const RELEASE_23_05 = { version: '23.05.5', target: 'ath79/generic', profile: 'buffalo_wzr-hp-g300nh-s' };
  const MT7622_23_05 = { version: '23.05.5', target: 'mediatek/mt7622', profile: 'foobar' };
  const MT7622_24_10 = { ...MT7622_23_05, version: '24.10.0-rc6' };
  const SNAPSHOT = { version: 'SNAPSHOT', target: 'ath79/generic', profile: 'buffalo_wzr-hp-g300nh-s' };

  test.each<[what: string, base: Body, sent: readonly string[], meant: readonly string[]]>([
    [
      'what a device needs is added',
      RELEASE_23_05,
      ['kmod-ath9k-htc'],
      ['kmod-ath9k-htc', 'kmod-switch-rtl8366s'],
    ],
    ['what a target needs is added', MT7622_23_05, ['ubus'], ['ubus', 'kmod-mt7622-firmware']],
    ['auc became owut', MT7622_24_10, ['auc'], ['owut', 'fitblk']],
    ['what is part of the kernel is left out', SNAPSHOT, ['vim', 'kmod-nf-conntrack6'], ['vim']],
    [
      'translations were renamed',
      MT7622_24_10,
      ['luci-i18n-opkg-ko', 'luci-i18n-xinetd-lt', 'luci-i18n-opkg-zh-cn'],
      [
        ...['luci-i18n-package-manager-ko', 'luci-i18n-xinetd-lt', 'luci-i18n-package-manager-zh-cn'],
        'fitblk',
      ],
    ],
  ])('%s', async (_what, base, sent, meant) => {
    expect(await hashFor(wire, { ...base, packages: sent })).toBe(
      await hashFor(wire, { ...base, packages: meant }),
    );
  });

  test.each<[what: string, base: Body, one: readonly string[], other: readonly string[]]>([
    [
      'what another device needs is not added',
      { ...RELEASE_23_05, profile: '8dev_carambola2' },
      ['kmod-ath9k-htc'],
      ['kmod-ath9k-htc', 'kmod-switch-rtl8366s'],
    ],
    ['what only sounds alike stays', SNAPSHOT, ['vim', 'kmod-nf-conntrack'], ['vim']],
    [
      'translations are as they were before',
      MT7622_23_05,
      ['luci-i18n-opkg-ko', 'luci-i18n-xinetd-lt'],
      ['luci-i18n-xinetd-lt'],
    ],
  ])('%s', async (_what, base, one, other) => {
    expect(await hashFor(wire, { ...base, packages: one })).not.toBe(
      await hashFor(wire, { ...base, packages: other }),
    );
  });
});

describe('what is built', () => {
  const { wire: building } = useFarm({ agent: { slots: '2' }, coordinator: { allowDefaults: 'true' } });
  let done: WireReply;
  let different: WireReply;

  beforeAll(async () => {
    [done, different] = await Promise.all([
      build(building, {
        ...X86,
        profile: 'some_random_cpu_which_doesnt_exists_as_profile',
        packages: ['vim', 'luci', 'tmux'],
        rootfs_size_mb: 100,
        filesystem: 'ext4',
      }),
      build(building, {
        ...ARCHER,
        profile: 'tplink,archer-c7-v5',
        packages: ['vim', 'busybox', 'tmux', 'base-files'],
        diff_packages: true,
        filesystem: 'squashfs',
        defaults: 'echo',
      }),
    ]);
  });

  test('has the packages in the order they were asked for, and what comes with them', () => {
    expect(done.status).toBe(200);
    expect((done.json.build_cmd as string[])[3]).toBe('PACKAGES=vim luci tmux');
    expect((done.json.manifest as Body).vim).toBe('9.1.1043-r2');
  });

  test('has the size that was asked for', () => {
    expect((done.json.build_cmd as string[])[6]).toBe('ROOTFS_PARTSIZE=100');
  });

  test('is of the one profile there is, whatever name was given', () => {
    expect(done.json.id).toBe('generic');
    expect(imagesOf(done).map(({ filesystem }) => filesystem)).toContain('ext4');
  });

  test('is of a device by its board name, with a script where it is taken', () => {
    expect([different.status, different.json.id]).toEqual([200, 'tplink_archer-c7-v5']);
  });

  test('with diff_packages has first what is left out, sorted, then what was asked for, in order', () => {
    const [, removed = '', asked] =
      /^PACKAGES=((?:-\S+ )+)(.*)$/.exec((different.json.build_cmd as string[])[3] ?? '') ?? [];
    expect(asked).toBe('vim busybox tmux base-files');
    const names = removed.trim().split(' ');
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(['-dnsmasq', '-dropbear', '-ppp', '-kmod-usb2']));
    expect(names).not.toContain('-busybox');
  });

  test('tells the request with its defaults filled in', () => {
    expect(done.json.request).toMatchObject({
      ...X86,
      distro: 'openwrt',
      version_code: '',
      packages_versions: {},
      defaults: null,
      client: null,
      diff_packages: false,
    });
  });

  test('is done: HEAD and GET say so, and only GET has a body', async () => {
    const path = `/api/v1/build/${done.json.request_hash}`;
    const [head, get] = [await building.send(path, { method: 'HEAD' }), await building.get(path)];
    for (const reply of [head, get]) {
      expect(reply.status).toBe(200);
      expect(reply.header('x-imagebuilder-status')).toBe('done');
      expect(reply.header('x-queue-position')).toBe('0');
    }
    expect(head.bytes.length).toBe(0);
    expect(get.json).toMatchObject({ imagebuilder_status: 'done', request: X86 });
  });

  test('lies in the store as bytes; what is not there is told otherwise', async () => {
    for (const { name } of imagesOf(done)) {
      const reply = await building.send(`/store/${done.json.bin_dir}/${name}`, { method: 'HEAD' });
      expect([reply.status, reply.header('content-type')]).toEqual([200, 'application/octet-stream']);
    }
    const missing = await building.send('/store/test_store_file_missing.bin', { method: 'HEAD' });
    expect(missing.status).toBe(404);
    expect(missing.header('content-type')).not.toBe('application/octet-stream');
  });

  test('fails for a version that is not to be had, and for packages that exclude each other', async () => {
    const [version, conflict] = await Promise.all([
      build(building, { ...X86, packages_versions: { vim: '0.0', tmux: '3.5a-r1' } }),
      build(building, { ...ARCHER, packages: ['wpad-mbedtls', 'wpad-mesh-mbedtls'] }),
    ]);
    expect([version.status, conflict.status]).toEqual([500, 500]);
    expect(version.json.detail).toBe(
      'Error: Impossible package selection: vim version not as requested: 0.0 vs. 9.1.1043-r2',
    );
    expect(conflict.json.detail).toMatch(/^Error: Impossible package selection/);
  });
});
