import { inFeed, type PackageSpec } from './package-spec.ts';

const OPKG_VERSIONS = ['23.05.6', '24.10.4'];
const APK_VERSIONS = ['25.12.0', 'SNAPSHOT'];
const WPAD_VARIANTS = ['wpad-basic-mbedtls', 'wpad-mesh-mbedtls', 'wpad-mbedtls'];

/** Packages every image holds unless told otherwise; those of a target stand with it. */
export const DEFAULT_PACKAGES: readonly string[] = [
  'base-files',
  'busybox',
  'ca-bundle',
  'dnsmasq',
  'dropbear',
  'firewall4',
  'fstools',
  'kmod-nft-offload',
  'libc',
  'libgcc',
  'libustream-mbedtls',
  'logd',
  'mtd',
  'netifd',
  'nftables',
  'odhcp6c',
  'odhcpd-ipv6only',
  'ppp',
  'ppp-mod-pppoe',
  'procd',
  'uci',
  'uclient-fetch',
  'urandom-seed',
  'urngd',
];

/** Packages of the target itself, and of the feed `base`. */
export const BASE_PACKAGES: readonly PackageSpec[] = [
  ...inFeed('target', [
    [
      'base-files',
      undefined,
      {
        depends: ['libc', 'busybox', 'jsonfilter', 'usign'],
        files: {
          'etc/banner': ' OpenWrt, in miniature\n',
          'etc/config/system': "config system\n\toption hostname 'OpenWrt'\n",
          'etc/passwd': 'root:x:0:0:root:/root:/bin/ash\n',
          'etc/rc.common': '#!/bin/sh\n. "$1"\n"$2"\n',
          'etc/init.d/boot': '#!/bin/sh /etc/rc.common\nSTART=10\nboot() {\n\tmount -a\n}\n',
        },
        links: { 'etc/mtab': '/proc/mounts', 'var/tmp': '/tmp' },
      },
    ],
    ['kernel', undefined, {}],
    ['libc', '1.2.5', { files: { 'lib/libc.so': 'musl\n' }, links: { 'lib/ld-musl.so.1': 'libc.so' } }],
    ['libgcc', '13.3.0', { abiVersion: '1', depends: ['libc'] }],
  ]),
  ...inFeed('base', [
    [
      'busybox',
      '1.36.1',
      {
        depends: ['libc'],
        files: { 'bin/busybox': '#!busybox\n', 'etc/init.d/cron': '#!/bin/sh /etc/rc.common\nSTART=50\n' },
        links: { 'bin/ash': 'busybox', 'bin/sh': 'busybox', 'sbin/ifconfig': '../bin/busybox' },
      },
    ],
    ['ca-bundle', '20241223', { architecture: 'all' }],
    ['dnsmasq', '2.90', { depends: ['libc'], service: 19, files: { 'usr/sbin/dnsmasq': 'dnsmasq\n' } }],
    [
      'dnsmasq-full',
      '2.90',
      {
        depends: ['libc', 'libnettle8'],
        provides: ['dnsmasq'],
        files: {
          'usr/sbin/dnsmasq': 'dnsmasq with everything\n',
          'etc/init.d/dnsmasq': '#!/bin/sh /etc/rc.common\nSTART=19\n',
        },
      },
    ],
    ['dropbear', '2024.86', { depends: ['libc'], service: 19 }],
    ['e2fsprogs', '1.47.0', { depends: ['libc'] }],
    [
      'firewall4',
      '2024.12.18~18fc0ead',
      { depends: ['libc', 'nftables-json', 'kmod-nft-core'], service: 19 },
    ],
    ['fitblk', '2', { depends: ['libc'], targets: ['mediatek/filogic'] }],
    ['fstools', '2024.07.14~408c2cc4', { depends: ['libc', 'libubox20240329'] }],
    ['grub2-bios-setup', '2.12', { depends: ['libc'], targets: ['x86/64'] }],
    ['ip-full', '6.11.0', { depends: ['libc', 'libnl-tiny1'], provides: ['ip'] }],
    ['ip-tiny', '6.11.0', { depends: ['libc', 'libnl-tiny1'], provides: ['ip'] }],
    ['iw', '6.9', { depends: ['libc', 'libnl-tiny1'] }],
    ['iwinfo', '2024.10.20~b94f066e', { depends: ['libc', 'libnl-tiny1'] }],
    ['jsonfilter', '2024.01.23~594cfa86', { depends: ['libc', 'libubox20240329'] }],
    ['libmbedtls', '3.6.5', { abiVersion: '21', depends: ['libc'] }],
    ['libnettle', '3.9.1', { abiVersion: '8', depends: ['libc'] }],
    ['libnl-tiny', '2023.12.05~965c4bf4', { abiVersion: '1', depends: ['libc'] }],
    ['libpcap', '1.10.5', { abiVersion: '1', depends: ['libc'] }],
    ['libubox', '2024.03.29~eb9bcb64', { abiVersion: '20240329', depends: ['libc'] }],
    ['libustream-mbedtls', '2024.07.28~99bd3d2b', { depends: ['libc', 'libmbedtls21'] }],
    ['logd', '2024.04.26~85f10530', { depends: ['libc', 'libubox20240329'], service: 12 }],
    ['mkf2fs', '1.16.0', { depends: ['libc'] }],
    ['mtd', '26', { depends: ['libc', 'libubox20240329'] }],
    ['mt7981-wo-firmware', '20241110', { targets: ['mediatek/filogic'] }],
    ['mt7986-wo-firmware', '20241110', { targets: ['mediatek/filogic'] }],
    ['netifd', '2024.12.17~ea01ed41', { depends: ['libc', 'ubus'], service: 20 }],
    ['nftables-json', '1.1.1', { depends: ['libc', 'kmod-nft-core'], provides: ['nftables'] }],
    ['nftables-nojson', '1.1.1', { depends: ['libc', 'kmod-nft-core'], provides: ['nftables'] }],
    ['odhcp6c', '2024.09.25~b6ae9ffa', { depends: ['libc'] }],
    ['odhcpd-ipv6only', '2024.05.08~a2988231', { depends: ['libc', 'ubus'], service: 35 }],
    [
      'opkg',
      '2024.10.16~38eccbb1',
      { depends: ['libc', 'libubox20240329', 'uclient-fetch'], versions: OPKG_VERSIONS },
    ],
    ['apk-mbedtls', '3.0.5', { depends: ['libc', 'libmbedtls21'], versions: APK_VERSIONS }],
    ['partx-utils', '2.40.2', { depends: ['libc'] }],
    ['ppp', '2.5.1', { depends: ['libc', 'kmod-ppp'] }],
    ['ppp-mod-pppoe', '2.5.1', { depends: ['libc', 'ppp'] }],
    ['procd', '2024.12.22~42d39376', { depends: ['libc', 'busybox', 'ubus', 'jsonfilter'] }],
    ['rpcd', '2024.09.17~9f4b86e7', { depends: ['libc', 'ubus'], service: 12 }],
    ['swconfig', '12', { depends: ['libc'], targets: ['ath79/generic'] }],
    ['ubus', '2025.01.02~afa57cce', { depends: ['libc', 'libubox20240329'] }],
    ['uci', '2023.08.10~5781664d', { depends: ['libc', 'libubox20240329'] }],
    ['uclient-fetch', '2024.10.22~88ae8f20', { depends: ['libc', 'libubox20240329'] }],
    ['uhttpd', '2023.06.25~34a8a74d', { depends: ['libc', 'ubus'], service: 50 }],
    ['urandom-seed', '3', { depends: ['libc'], service: 99 }],
    ['urngd', '2023.11.01~44365eb1', { depends: ['libc'], service: 0 }],
    ['usign', '2020.05.23~f1f65026', { depends: ['libc'] }],
    ...WPAD_VARIANTS.map(
      (name) =>
        [
          name,
          '2024.09.15~5ace39b0',
          {
            depends: ['libc', 'kmod-cfg80211', ...(name === 'wpad-basic-mbedtls' ? [] : ['libmbedtls21'])],
            provides: ['wpad'],
            conflicts: WPAD_VARIANTS.filter((other) => other !== name),
            files: {
              'usr/sbin/wpad': `${name}\n`,
              'etc/init.d/wpad': '#!/bin/sh /etc/rc.common\nSTART=19\n',
            },
          },
        ] as const,
    ),
  ]),
];
