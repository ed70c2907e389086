/** A package that was renamed (`target`) or dropped (without) at a revision of OpenWrt. */
export interface PackageChange {
  readonly source: string;
  readonly target?: string;
  readonly revision: number;
  readonly mandatory?: boolean;
}

/** Renames and removals since 22.03. Source: asu, `package_changes_list` in config.py. */
export const PACKAGE_CHANGES: readonly PackageChange[] = [
  { source: 'firewall', target: 'firewall4', revision: 18611 },
  { source: 'kmod-nft-nat6', revision: 20282, mandatory: true },
  { source: 'libustream-wolfssl', target: 'libustream-mbedtls', revision: 21994 },
  { source: 'px5g-wolfssl', target: 'px5g-mbedtls', revision: 21994 },
  { source: 'wpad-basic-wolfssl', target: 'wpad-basic-mbedtls', revision: 21994 },
  { source: 'luci-app-diag-core', revision: 25984, mandatory: true },
  { source: 'auc', target: 'owut', revision: 26792 },
  { source: 'luci-app-opkg', target: 'luci-app-package-manager', revision: 27897 },
  { source: 'opkg', target: 'apk-mbedtls', revision: 28056 },
];
