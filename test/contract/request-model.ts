import { describe, expect, test } from 'vitest';
import { ARCHER, hashFor, X86 } from '../support/wire-builds.ts';
import { used } from './farm-without-agent.ts';

/*
 * Contract 2.2: what each key of a build request may be. What a value is read as shows in the request hash: two spellings of
 * one request are one build.
 */

const FEED = 'https://feeds.example/ok/packages';
const { wire } = used;

type Body = Readonly<Record<string, unknown>>;

async function expectSame(one: Body, other: Body): Promise<void> {
  expect(await hashFor(wire, one)).toBe(await hashFor(wire, other));
}

async function expectDifferent(one: Body, other: Body): Promise<void> {
  expect(await hashFor(wire, one)).not.toBe(await hashFor(wire, other));
}

describe('a value is read as another', () => {
  const base: Body = { ...ARCHER, packages: ['vim'] };

  test.each<[client: string, what: string, sent: Body, meant: Body]>([
    ['owut and LuCI', 'no distro', {}, { distro: 'openwrt' }],
    ['owut --rev-code none', 'an empty version_code', { version_code: '' }, {}],
    ['LuCI', 'a board name with a comma', { profile: 'tplink,archer-c7-v5' }, {}],
    ['LuCI', 'rootfs_size_mb null', { rootfs_size_mb: null }, {}],
    ['LuCI of 24.10', 'rootfs_size_mb "256"', { rootfs_size_mb: '256' }, { rootfs_size_mb: 256 }],
    ['scripts', 'rootfs_size_mb 256.0', { rootfs_size_mb: '256.0' }, { rootfs_size_mb: 256 }],
    ['the Firmware Selector', 'empty defaults', { defaults: '' }, {}],
    ['scripts', 'defaults null', { defaults: null }, {}],
    ['LuCI', 'filesystem null', { filesystem: null }, {}],
    ['LuCI booted from memory', 'filesystem initramfs, where asu has 422', { filesystem: 'initramfs' }, {}],
    ['LuCI', 'filesystem f2fs, where asu has 422', { filesystem: 'f2fs' }, {}],
    ['LuCI', 'filesystem tmpfs, where asu has 422', { filesystem: 'tmpfs' }, {}],
    ['LuCI', 'an empty filesystem, where asu has 422', { filesystem: '' }, {}],
    ['the Firmware Selector', 'no repositories', { repositories: {} }, {}],
    ['the Firmware Selector', 'no repository keys', { repository_keys: [] }, {}],
    ['asu', 'mode replace', { repositories_mode: 'replace' }, {}],
    ['asu', 'no versions', { packages_versions: {} }, {}],
    ['asu', 'diff_packages false', { diff_packages: false }, {}],
    ["the client's name", 'client', { client: 'luci/26.129.70992~61fbfe6' }, { client: 'other/1' }],
    ["the client's name", 'client null', { client: null }, {}],
    ['the Firmware Selector', 'empty names, from a text split at blanks', { packages: ['', 'vim', ''] }, {}],
    ['LuCI of March 2020', 'unknown keys', { current_version: '23.05.6', extra: [{ a: 1 }] }, {}],
  ])('%s: %s', async (_client, _what, sent, meant) => {
    await expectSame({ ...base, ...sent }, { ...base, ...meant });
  });

  test.each(['true', 'on', 'yes', 'y', 't', '1', 'TRUE', 'Yes', 1])(
    'diff_packages %j is true',
    async (value) => {
      await expectSame({ ...base, diff_packages: value }, { ...base, diff_packages: true });
    },
  );

  test.each(['false', 'off', 'no', 'n', 'f', '0', 'False', 0])('diff_packages %j is false', async (value) => {
    await expectSame({ ...base, diff_packages: value }, { ...base, diff_packages: false });
  });

  test('auc and owut: the names of packages_versions go before packages', async () => {
    const packages_versions = { vim: '9.1.1043-r1', tmux: '3.5a-r1' };
    await expectSame({ ...ARCHER, packages_versions, packages: ['nano'] }, { ...ARCHER, packages_versions });
    await expectDifferent({ ...ARCHER, packages_versions }, { ...ARCHER, packages: ['vim', 'tmux'] });
  });

  test('the order of packages, and naming one twice, make no other build', async () => {
    await expectSame(
      { ...ARCHER, packages: ['vim', 'tmux'] },
      { ...ARCHER, packages: ['tmux', 'vim', 'tmux'] },
    );
  });
});

describe('a value makes another build', () => {
  test.each<[key: string, values: Body]>([
    ['version', { version: '23.05.6' }],
    ['version_code', { version_code: 'r28959-29397011cc' }],
    ['profile', { profile: 'tplink_archer-c7-v2' }],
    ['packages', { packages: ['vim', 'nano'] }],
    ['a removal', { packages: ['vim', '-ppp'] }],
    ['diff_packages', { diff_packages: true }],
    ['defaults', { defaults: 'uci commit' }],
    ['rootfs_size_mb', { rootfs_size_mb: 256 }],
    ['filesystem', { filesystem: 'squashfs' }],
    ['repositories', { repositories: { extra: FEED } }],
    ['repositories_mode', { repositories_mode: 'append' }],
    ['repository_keys', { repository_keys: ['untrusted comment: a key\nRWQ'] }],
  ])('%s', async (_key, values) => {
    await expectDifferent({ ...ARCHER, packages: ['vim'] }, { ...ARCHER, packages: ['vim'], ...values });
  });
});

describe('a value is taken', () => {
  test.each<[client: string, what: string, body: Body]>([
    ['LuCI on x86', 'no profile at all', { version: '24.10.4', target: 'x86/64' }],
    [
      'LuCI on x86',
      'any board name where generic is the only profile',
      { ...X86, profile: 'pcengines,apu2' },
    ],
    ['asu', 'a profile by a name it had before', { ...ARCHER, profile: 'gl-ar150' }],
    [
      'the Firmware Selector',
      'a mode of repositories that is not configured',
      { ...X86, repositories_mode: '' },
    ],
    ['asu', "a branch's whole snapshot", { ...ARCHER, version: 'SNAPSHOT' }],
    ['asu', 'the largest root filesystem', { ...X86, rootfs_size_mb: 1024 }],
    ['asu', 'the smallest root filesystem', { ...X86, rootfs_size_mb: 1 }],
    ['asu', 'the longest script, in characters', { ...X86, defaults: '🙂'.repeat(20_480) }],
    [
      'auc 0.3.2',
      'a version with + and one with ~',
      { ...X86, packages_versions: { 'kmod-igb': '5.15.150+6.1.24-3', luci: '26.001.1~abcdef0' } },
    ],
    [
      'owut',
      'the version of a kernel module',
      { ...X86, packages_versions: { 'kmod-igb': '6.6.110.2025.02.14~e5fef138-r1' } },
    ],
  ])('%s: %s', async (_client, _what, body) => {
    expect((await wire.post('/api/v1/build', body)).status).toBe(202);
  });

  test.each(['squashfs', 'ext4', 'ubifs', 'erofs', 'jffs2', 'jffs2-nand', 'targz', 'cpiogz'])(
    'filesystem %s',
    async (filesystem) => {
      expect((await wire.post('/api/v1/build', { ...X86, filesystem })).status).toBe(202);
    },
  );
});

describe('a value is refused', () => {
  test.each<[what: string, field: string, change: Body]>([
    ['a blank in the distro', 'distro', { distro: 'open wrt' }],
    ['distro null', 'distro', { distro: null }],
    ['a slash in the version', 'version', { version: '24.10/4' }],
    ['version_code null', 'version_code', { version_code: null }],
    ['a target without slash', 'target', { target: 'x86' }],
    ['a target with two', 'target', { target: 'x86/64/generic' }],
    ['a dash in the target', 'target', { target: 'x86-64/generic' }],
    ['a line break after the target', 'target', { target: 'x86/64\n' }],
    ['a blank in the profile', 'profile', { profile: 'a b', target: 'ath79/generic' }],
    ['packages as a text', 'packages', { packages: 'vim' }],
    ['a package with +', 'packages', { packages: ['+vim'] }],
    ['a package that is a number', 'packages', { packages: [1] }],
    ['packages null', 'packages', { packages: null }],
    ['a version with a colon', 'packages_versions', { packages_versions: { vim: '1:9.1' } }],
    ['a version that is null', 'packages_versions', { packages_versions: { vim: null } }],
    ['versions as a list', 'packages_versions', { packages_versions: ['vim'] }],
    ['packages_versions null', 'packages_versions', { packages_versions: null }],
    ['diff_packages null', 'diff_packages', { diff_packages: null }],
    ['diff_packages maybe', 'diff_packages', { diff_packages: 'maybe' }],
    ['diff_packages 2', 'diff_packages', { diff_packages: 2 }],
    ['a script of 20,481 characters', 'defaults', { defaults: 'x'.repeat(20_481) }],
    ['no megabyte', 'rootfs_size_mb', { rootfs_size_mb: 0 }],
    ['1025 megabytes', 'rootfs_size_mb', { rootfs_size_mb: 1025 }],
    ['half a megabyte', 'rootfs_size_mb', { rootfs_size_mb: 0.5 }],
    ['a size in words', 'rootfs_size_mb', { rootfs_size_mb: 'much' }],
    ['a filesystem nobody knows', 'filesystem', { filesystem: 'ntfs' }],
    ['a blank in the name of a repository', 'repositories', { repositories: { 'a b': FEED } }],
    ['a repository over ftp', 'repositories', { repositories: { a: 'ftp://feeds.example/ok' } }],
    ['a repository that is null', 'repositories', { repositories: { a: null } }],
    ['a mode nobody knows', 'repositories_mode', { repositories_mode: 'prepend' }],
    ['repositories_mode null', 'repositories_mode', { repositories_mode: null }],
    ['keys as a text', 'repository_keys', { repository_keys: 'key' }],
    ['a client that is a number', 'client', { client: 1 }],
  ])('%s', async (_what, field, change) => {
    const reply = await wire.post('/api/v1/build', { ...X86, ...change });
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toMatchObject([{ loc: expect.arrayContaining(['body', field]) }]);
  });

  test.each(['version', 'target'])('%s is required', async (key) => {
    const { [key]: _left, ...body } = X86 as Body;
    const reply = await wire.post('/api/v1/build', body);
    expect(reply.json.detail).toMatchObject([{ type: 'missing', loc: ['body', key] }]);
  });

  test('profile is required where a target has more than one', async () => {
    const { profile: _left, ...body } = ARCHER;
    const reply = await wire.post('/api/v1/build', body);
    expect(reply.status).toBe(422);
    expect(reply.json.detail).toMatchObject([{ type: 'missing', loc: ['body', 'profile'] }]);
  });
});
