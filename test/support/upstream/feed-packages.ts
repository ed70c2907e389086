import { inFeed, type PackageSpec } from './package-spec.ts';

const SINCE_24_10 = ['24.10.4', '25.12.0', 'SNAPSHOT'];
const ONLY_23_05 = ['23.05.6'];
const LUCI_VERSION = '26.028.40215~16cdf0ad';
const LUCI_BASE = { architecture: 'all', depends: ['luci-base'] } as const;

function translation(application: string, languages: readonly string[], versions?: readonly string[]) {
  const depends = [application === 'base' ? 'luci-base' : `luci-app-${application}`];
  return languages.map(
    (language) =>
      [
        `luci-i18n-${application}-${language}`,
        LUCI_VERSION,
        { architecture: 'all', depends, ...(versions ? { versions } : {}) },
      ] as const,
  );
}

/** Packages of the feeds `luci` and `packages`. */
export const FEED_PACKAGES: readonly PackageSpec[] = [
  ...inFeed('luci', [
    [
      'luci',
      LUCI_VERSION,
      {
        architecture: 'all',
        depends: ['uhttpd', 'luci-mod-admin-full', 'luci-theme-bootstrap', 'luci-app-firewall'],
      },
    ],
    ['luci-base', LUCI_VERSION, { depends: ['libc', 'rpcd', 'liblucihttp0'] }],
    ['luci-mod-admin-full', LUCI_VERSION, LUCI_BASE],
    ['luci-theme-bootstrap', LUCI_VERSION, LUCI_BASE],
    ['luci-theme-material', LUCI_VERSION, LUCI_BASE],
    ['liblucihttp', '2023.03.15~9b5b683f', { abiVersion: '0', depends: ['libc'] }],
    ['luci-app-attendedsysupgrade', LUCI_VERSION, LUCI_BASE],
    ['luci-app-firewall', LUCI_VERSION, { ...LUCI_BASE, depends: ['luci-base', 'firewall4'] }],
    // Renamed by nobody afterwards, as `auc` and `luci-app-opkg` are.
    ['luci-app-ntpc', LUCI_VERSION, { ...LUCI_BASE, versions: ONLY_23_05 }],
    ['luci-app-opkg', LUCI_VERSION, { ...LUCI_BASE, versions: ONLY_23_05 }],
    ['luci-app-package-manager', LUCI_VERSION, { ...LUCI_BASE, versions: SINCE_24_10 }],
    ['luci-app-sqm', LUCI_VERSION, { ...LUCI_BASE, depends: ['luci-base', 'sqm-scripts'] }],
    ['luci-app-statistics', LUCI_VERSION, { ...LUCI_BASE, depends: ['luci-base', 'collectd'] }],
    ['luci-app-upnp', LUCI_VERSION, { ...LUCI_BASE, depends: ['luci-base', 'miniupnpd-nftables'] }],
    ['luci-proto-wireguard', LUCI_VERSION, { ...LUCI_BASE, depends: ['luci-base', 'wireguard-tools'] }],
    ['luci-ssl', LUCI_VERSION, { architecture: 'all', depends: ['luci', 'libustream-mbedtls'] }],
    ...translation('base', ['de', 'en', 'fr']),
    ...translation('firewall', ['de', 'fr']),
    ...translation('opkg', ['de', 'fr'], ONLY_23_05),
    ...translation('package-manager', ['de', 'fr'], SINCE_24_10),
  ]),
  ...inFeed('packages', [
    ['adblock', '4.2.3', { architecture: 'all', depends: ['jsonfilter', 'uclient-fetch'], service: 30 }],
    [
      'auc',
      '0.3.2',
      {
        depends: ['libc', 'libubox20240329', 'rpcd'],
        versions: ONLY_23_05,
        files: { 'usr/sbin/auc': 'auc\n' },
      },
    ],
    ['bash', '5.2.32', { depends: ['libc', 'libncurses6'] }],
    ['clash-one', '1.0', { files: { 'etc/clash.conf': 'one\n' } }],
    ['clash-two', '1.0', { files: { 'etc/clash.conf': 'two\n' } }],
    ['collectd', '5.12.0', { depends: ['libc'], service: 80 }],
    ['curl', '8.12.1', { depends: ['libc', 'libcurl4'] }],
    ['dangling', '1.0', { depends: ['libc', 'no-such-library'] }],
    ['htop', '3.3.0', { depends: ['libc', 'libncurses6'] }],
    ['iperf3', '3.17.1', { depends: ['libc'] }],
    ['libcurl', '8.12.1', { abiVersion: '4', depends: ['libc', 'libmbedtls21'] }],
    ['libevent2-core', '2.1.12', { abiVersion: '7', depends: ['libc'] }],
    ['libncurses', '6.4', { abiVersion: '6', depends: ['libc', 'terminfo'] }],
    ['lsof', '4.99.4', { depends: ['libc'] }],
    ['miniupnpd-nftables', '2.3.7', { depends: ['libc'], service: 94 }],
    ['nano', '8.3', { depends: ['libc', 'libncurses6'] }],
    [
      'owut',
      '2026.04.09',
      { architecture: 'all', depends: ['ucode', 'uclient-fetch'], versions: SINCE_24_10 },
    ],
    ['screen', '5.0.0', { depends: ['libc', 'libncurses6'] }],
    ['sqm-scripts', '1.6.0', { architecture: 'all', depends: ['ip-full'], service: 50 }],
    ['tcpdump', '4.99.5', { depends: ['libc', 'libpcap1'] }],
    ['terminfo', '6.4', {}],
    ['tmux', '3.5a', { depends: ['libc', 'libevent2-core7', 'libncurses6'] }],
    ['ucode', '2025.01.29~a8a11aea', { depends: ['libc', 'libubox20240329'] }],
    ['vim', '9.1.1043', { depends: ['libc', 'libncurses6'] }],
    ['wireguard-tools', '1.0.20210914', { depends: ['libc', 'kmod-wireguard'] }],
    ['zstd', '1.5.6', { depends: ['libc'] }],
  ]),
];
