import { describe, expect, test } from 'vitest';
import { branchOf, shippedOpenWrt } from './branches.ts';
import { applyRules, missingAdditions, packageRulesFor, revisionOf } from './package-rules.ts';

interface Build {
  readonly version: string;
  readonly target?: string;
  readonly profile?: string;
  readonly versionCode?: string;
}

function rulesFor({ version, target = 'x86/64', profile = 'generic', versionCode = 'r40000-a' }: Build) {
  const distribution = shippedOpenWrt();
  const branch = branchOf(version);
  if (!branch) throw new Error(`no branch for ${version}`);
  return packageRulesFor({ distribution, branch, target, profile, versionCode });
}

function packagesOf(build: Build, ...packages: readonly string[]): readonly string[] {
  const rules = rulesFor(build);
  const ruled = applyRules(rules, { packages, packagesVersions: {} });
  return [...ruled.packages, ...missingAdditions(rules, ruled.packages)];
}

describe('packages', () => {
  test.each<[string, Build, readonly string[], readonly string[]]>([
    ['are renamed', { version: '23.05.6' }, ['firewall', 'vim'], ['firewall4', 'vim']],
    ['are not renamed before', { version: '21.02.7', versionCode: 'r16847-x' }, ['firewall'], ['firewall']],
    ['are removed', { version: '22.03.7' }, ['vim', 'kmod-nft-nat6'], ['vim', 'kmod-nft-nat6']],
    ['are removed from the revision on', { version: '23.05.0' }, ['vim', 'kmod-nft-nat6'], ['vim']],
    ['keep what the branch did not change', { version: '24.10.4' }, ['opkg'], ['opkg']],
    ['follow main on a snapshot', { version: 'SNAPSHOT' }, ['opkg', 'auc'], ['apk-mbedtls', 'owut']],
    [
      'wait for the revision on a snapshot',
      { version: 'SNAPSHOT', versionCode: 'r28055-x' },
      ['opkg'],
      ['opkg'],
    ],
    ['become owut on 24.10', { version: '24.10-SNAPSHOT', versionCode: 'odd' }, ['auc', 'owut'], ['owut']],
    [
      'lose what SNAPSHOT has no more',
      { version: 'SNAPSHOT' },
      ['kmod-nf-conntrack', 'kmod-nf-conntrack6', 'kmod-lib-crc32c'],
      ['kmod-nf-conntrack'],
    ],
    [
      'have their translations renamed from 24.10 on',
      { version: '24.10.0-rc5' },
      ['luci-i18n-opkg-zh-cn', 'luci-i18n-xinetd-lt'],
      ['luci-i18n-package-manager-zh-cn', 'luci-i18n-xinetd-lt'],
    ],
    ['keep their translations before', { version: '23.05.5' }, ['luci-i18n-opkg-ko'], ['luci-i18n-opkg-ko']],
    [
      'lose English',
      { version: '23.05.5' },
      ['luci-i18n-base-en', 'luci-i18n-base-de'],
      ['luci-i18n-base-de'],
    ],
    ['lose English under its new name too', { version: '25.12.0' }, ['luci-i18n-opkg-en'], []],
    [
      'are left alone where they are left out',
      { version: '24.10.4' },
      ['-auc', '-firewall'],
      ['-auc', '-firewall'],
    ],
    [
      'are not put in the place of what the client names, where it leaves out the new one',
      { version: '24.10.4' },
      ['-firewall4', 'firewall', 'wpad-basic-wolfssl'],
      ['-firewall4', 'firewall', 'wpad-basic-mbedtls'],
    ],
    [
      'are added for a target in all of its profiles',
      { version: '25.12.1', target: 'ath79/mikrotik', profile: 'mikrotik_routerboard-493g' },
      ['vim'],
      ['vim', 'kmod-ag71xx-legacy'],
    ],
    [
      'are added for every later branch',
      { version: '25.12.1', target: 'mediatek/filogic', profile: 'openwrt_one' },
      ['vim'],
      ['vim', 'fitblk'],
    ],
    [
      'are added for a profile, whatever its target',
      { version: '24.10.4', target: 'ath79/generic', profile: 'tplink_archer-c6-v2' },
      ['vim'],
      ['vim', 'ipq-wifi-tplink_archer-c6-v2'],
    ],
    [
      'are added for a target',
      { version: '24.10.4', target: 'mediatek/filogic', profile: 'openwrt_one' },
      ['vim'],
      ['vim', 'fitblk'],
    ],
    [
      'are not added where the client leaves them out',
      { version: '24.10.4', target: 'mediatek/filogic', profile: 'openwrt_one' },
      ['-fitblk'],
      ['-fitblk'],
    ],
    [
      'are added for a profile',
      { version: '25.12.1', target: 'lantiq/xrx200', profile: 'avm_fritz7412' },
      [],
      ['kmod-dsa-gswip', 'xrx200-rev1.1-phy22f-firmware', 'xrx200-rev1.2-phy22f-firmware'],
    ],
    [
      'are not added for another profile',
      { version: '25.12.1', target: 'kirkwood/generic', profile: 'x' },
      [],
      [],
    ],
  ])('%s', (_what, build, asked, built) => {
    expect(packagesOf(build, ...asked)).toEqual(built);
  });

  test('the version of a package that became another one is not checked', () => {
    const packagesVersions = { auc: '0.3.2-1', vim: '9', 'luci-i18n-base-en': '1' };
    const ruled = applyRules(rulesFor({ version: '24.10.4' }), {
      packages: Object.keys(packagesVersions),
      packagesVersions,
    });
    expect(ruled).toEqual({ packages: ['owut', 'vim'], packagesVersions: { vim: '9' } });
  });

  test('it can be told which names a rule touches', () => {
    const rules = rulesFor({ version: '24.10.4' });
    expect(['vim', 'luci', 'kmod-usb2'].some((name) => rules.touches(name))).toBe(false);
    expect(['auc', 'luci-i18n-opkg-de', 'luci-i18n-x-en'].every((name) => rules.touches(name))).toBe(true);
  });

  test('a revision is the number in a version code', () => {
    expect(revisionOf('r28959-29397011cc')).toBe(28959);
    expect(revisionOf('29397011cc')).toBeUndefined();
  });
});
