import { afterEach, describe, expect, test } from 'vitest';
import { ARCHER, hashFor, ONE, X86 } from '../support/wire-builds.ts';
import { used } from './farm-without-agent.ts';

/* Contract 2.12, and which packages count as known: what becomes of the names in a request before anything is built. */

const { wire } = used;

const SNAPSHOT = { ...ARCHER, version: 'SNAPSHOT' };
const OLD = { ...ARCHER, version: '23.05.6' };

describe('a name that lies behind is replaced by what it is called now', () => {
  test.each<[what: string, base: object, sent: readonly string[], meant: readonly string[]]>([
    ['firewall', OLD, ['firewall'], ['firewall4']],
    ['kmod-nft-nat6 is gone', OLD, ['vim', 'kmod-nft-nat6'], ['vim']],
    ['libustream-wolfssl', OLD, ['libustream-wolfssl'], ['libustream-mbedtls']],
    ['wpad-basic-wolfssl', OLD, ['wpad-basic-wolfssl'], ['wpad-basic-mbedtls']],
    ['luci-app-diag-core is gone', ARCHER, ['vim', 'luci-app-diag-core'], ['vim']],
    ['auc', ARCHER, ['auc'], ['owut']],
    ['luci-app-opkg', ARCHER, ['luci-app-opkg'], ['luci-app-package-manager']],
    ['opkg, where apk is', ONE, ['opkg'], ['apk-mbedtls']],
    ['translations of luci-app-opkg', ARCHER, ['luci-i18n-opkg-de'], ['luci-i18n-package-manager-de']],
    ['English, which is no translation', ARCHER, ['luci', 'luci-i18n-base-en'], ['luci']],
    ['what became part of the kernel', SNAPSHOT, ['vim', 'kmod-nf-conntrack6', 'kmod-lib-crc32c'], ['vim']],
    ['both names at once', ARCHER, ['auc', 'owut'], ['owut']],
    ['what a target needs to boot is added', { ...ONE, version: '24.10.4' }, ['vim'], ['vim', 'fitblk']],
  ])('%s', async (_what, base, sent, meant) => {
    expect(await hashFor(wire, { ...base, packages: sent })).toBe(
      await hashFor(wire, { ...base, packages: meant }),
    );
  });

  test('but not before the revision it happened in', async () => {
    for (const name of ['auc', 'luci-app-opkg', 'luci-i18n-opkg-de']) {
      expect(await hashFor(wire, { ...OLD, packages: [name] })).toMatch(/^[0-9a-f]{64}$/);
    }
    const renamed = await wire.post('/api/v1/build', { ...OLD, packages: ['owut'] });
    expect(renamed.status).toBe(422);
  });

  test('owut: in packages_versions too, where the version of another package is not asked for', async () => {
    expect(await hashFor(wire, { ...ARCHER, packages_versions: { auc: '0.3.2-r1' } })).toBe(
      await hashFor(wire, { ...ARCHER, packages: ['owut'] }),
    );
  });
});

describe('known is', () => {
  test.each<[client: string, what: string, base: object, name: string]>([
    ['all', 'what a feed has', X86, 'vim'],
    ['all', 'what the target has', X86, 'libgcc'],
    ['all', 'what this release is the last to have', OLD, 'luci-app-ntpc'],
    ['all', 'a kernel module of the target', ARCHER, 'kmod-ath9k'],
    ['LuCI of before 23.05', 'a name with its ABI version', X86, 'libncurses6'],
    ['LuCI', 'what one stands for', X86, 'nftables'],
    ['LuCI', 'what several stand for', X86, 'wpad'],
    ['LuCI', 'libc, which is in every image', X86, 'libc'],
    ['LuCI', 'kernel, which is in every image', ONE, 'kernel'],
    ['LuCI', 'base-files', ONE, 'base-files'],
    ['LuCI', 'a default package', ONE, 'apk-mbedtls'],
    ['LuCI', 'a package of the device', ARCHER, 'kmod-ath10k-ct'],
    ['the Firmware Selector', 'whatever is left out', X86, '-no-such-package'],
  ])('%s: %s', async (_client, _what, base, name) => {
    expect((await wire.post('/api/v1/build', { ...base, packages: [name] })).status).toBe(202);
  });

  test('whatever is asked for along with a feed of its own: only the build can tell', async () => {
    const repositories = { extra: 'https://feeds.example/ok/packages' };
    const reply = await wire.post('/api/v1/build', { ...X86, packages: ['no-such-package'], repositories });
    expect(reply.status).toBe(202);
  });
});

describe('when upstream has no index to look into', () => {
  afterEach(() => used.farm.upstream.clearFaults());

  test('the build decides', async () => {
    used.farm.upstream.fault(/\/(index\.json|Packages|packages\.adb)/, 'status-500');
    const reply = await wire.post('/api/v1/build', {
      version: '23.05.6',
      target: 'mediatek/filogic',
      profile: 'openwrt_one',
      packages: ['no-such-package'],
    });
    expect(reply.status).toBe(202);
  });
});

describe('unknown is', () => {
  test.each<[what: string, base: object, name: string]>([
    ['what no feed has', X86, 'no-such-package'],
    ['what is only in a later release', OLD, 'apk-mbedtls'],
    ['what is only in an earlier one', ARCHER, 'luci-app-ntpc'],
    ['a kernel module of another target', X86, 'kmod-ath9k'],
    ['a firmware of another target', ARCHER, 'mt7981-wo-firmware'],
  ])('%s', async (_what, base, name) => {
    const reply = await wire.post('/api/v1/build', { ...base, packages: ['vim', name, '-also-not'] });
    expect(reply.status).toBe(422);
    expect(reply.header('x-unknown-package')).toBe(name);
    expect(reply.json.detail).toContain(`Unknown package(s): ${name}`);
    expect(reply.json.detail).not.toContain('also-not');
  });
});
