import { sha256Hex } from '../../../shared/digest.ts';

/*
 * A mirror in the shape of the one that asu's own tests read (openwrt/asu, tests/upstream and the settings of its conftest.py):
 * version 1.2.3 with testtarget/testsubtarget and testprofile, beside some real names. Nothing can be built of it.
 */

/** Revision of version 1.2.3. */
export const ASU_REVISION = 'r12647-cb44ab4f5d';

interface AsuTarget {
  readonly version: string;
  /** Upstream folder of the version. */
  readonly path: string;
  readonly versionCode: string;
  readonly target: string;
  readonly architecture: string;
  /** `supported_devices` by profile. */
  readonly profiles: Readonly<Record<string, readonly string[]>>;
  readonly packages: Readonly<Record<string, string>>;
}

const RELEASE_23_05 = { version: '23.05.5', path: 'releases/23.05.5', versionCode: 'r24106-10cc5fcd00' };
const RELEASE_24_10 = {
  version: '24.10.0-rc6',
  path: 'releases/24.10.0-rc6',
  versionCode: 'r28388-58d0057481',
};
const TRANSLATIONS = { 'luci-i18n-xinetd-lt': '1', 'luci-i18n-opkg-ko': '1', 'luci-i18n-opkg-zh-cn': '1' };
const MT7622 = {
  target: 'mediatek/mt7622',
  architecture: 'aarch64_cortex-a53',
  profiles: { foobar: ['foo,bar'] },
};
const ATH79 = {
  target: 'ath79/generic',
  architecture: 'mips_24kc',
  profiles: {
    'buffalo_wzr-hp-g300nh-s': ['buffalo,wzr-hp-g300nh-s'],
    '8dev_carambola2': ['8dev,carambola2'],
  },
};

const TARGETS: readonly AsuTarget[] = [
  {
    ...{ version: '1.2.3', path: 'releases/1.2.3', versionCode: ASU_REVISION },
    target: 'testtarget/testsubtarget',
    architecture: 'testarch',
    profiles: { testprofile: ['testvendor,testprofile'] },
    packages: { aaa: '1.0', qqq: '1.0', test1: '1.0', test2: '2.0', test3: '3.0', zzz: '1.0' },
  },
  {
    ...RELEASE_23_05,
    ...MT7622,
    packages: { ubus: '1', 'kmod-mt7622-firmware': '1', ...TRANSLATIONS },
  },
  {
    ...RELEASE_23_05,
    ...ATH79,
    packages: { 'kmod-ath9k-htc': '1', 'kmod-switch-rtl8366s': '1', tmux: '3', vim: '9' },
  },
  {
    ...RELEASE_24_10,
    ...MT7622,
    packages: {
      ...{ fitblk: '2', owut: '1', ubus: '1', 'luci-i18n-xinetd-lt': '1' },
      ...{ 'luci-i18n-package-manager-ko': '1', 'luci-i18n-package-manager-zh-cn': '1' },
    },
  },
  {
    ...{ version: 'SNAPSHOT', path: 'snapshots', versionCode: 'r28500-0123456789' },
    ...ATH79,
    packages: { 'kmod-nf-conntrack': '1', vim: '9' },
  },
];

/** The mirror's files by path, for `startMetadataMirror`. */
export function asuMirrorFiles(): Readonly<Record<string, unknown>> {
  return {
    '.versions.json': {
      stable_version: '23.05.5',
      oldstable_version: '22.03.7',
      upcoming_version: '24.10.0-rc6',
      versions_list: ['1.2.3', '22.03.7', '23.05.5', '24.10.0-rc6'],
    },
    ...Object.fromEntries(
      [...new Set(TARGETS.map(({ path }) => path))].map((path) => [
        `${path}/.targets.json`,
        Object.fromEntries(
          TARGETS.filter((each) => each.path === path).map(({ target, architecture }) => [
            target,
            architecture,
          ]),
        ),
      ]),
    ),
    ...Object.assign({}, ...TARGETS.map(targetFiles)),
  };
}

function targetFiles(of: AsuTarget): Readonly<Record<string, unknown>> {
  const { version, path, target, architecture, versionCode, packages } = of;
  const folder = `${path}/targets/${target}`;
  const number = version === 'SNAPSHOT' ? '' : `${version}-`;
  const archive = `openwrt-imagebuilder-${number}${target.replace('/', '-')}.Linux-x86_64.tar.zst`;
  return {
    [`${folder}/profiles.json`]: profilesJson(of),
    [`${folder}/packages/index.json`]: { version: 2, architecture, packages },
    [`${path}/packages/${architecture}/feeds.conf`]: '',
    // Read for its name and digest only.
    [`${folder}/sha256sums`]: `${sha256Hex(archive)} *${archive}\n`,
    [`${folder}/version.buildinfo`]: `${versionCode}\n`,
  };
}

function profilesJson({ version, target, architecture, versionCode, profiles }: AsuTarget): object {
  const described = Object.entries(profiles).map(([id, devices]) => {
    const prefix = `openwrt-${target.replace('/', '-')}-${id}`;
    const image = {
      filesystem: 'squashfs',
      name: `${prefix}-squashfs-sysupgrade.bin`,
      sha256: sha256Hex(prefix),
      type: 'sysupgrade',
    };
    const titles = [{ title: 'Not a real device' }];
    return [
      id,
      { device_packages: [], image_prefix: prefix, images: [image], supported_devices: devices, titles },
    ];
  });
  return {
    arch_packages: architecture,
    default_packages: ['base-files', 'busybox', 'dnsmasq', 'dropbear', 'libc'],
    metadata_version: 1,
    profiles: Object.fromEntries(described),
    source_date_epoch: 1_612_136_917,
    target,
    version_code: versionCode,
    version_number: version,
  };
}
