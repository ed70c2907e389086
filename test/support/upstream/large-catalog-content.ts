import { sha256Hex } from '../../../shared/digest.ts';

/*
 * Texts of a mirror's metadata in the size and shape of the real one (downloads.openwrt.org, 2026: 62 targets, some 2,000
 * profiles and, for each of 36 architectures, 10,000 packages per release). Always the same ones; none is OpenWrt's.
 */

/** How large a release is. */
export interface CatalogSize {
  readonly targets: number;
  readonly profiles: number;
  readonly architectures: number;
  /** Over all feeds of one architecture. */
  readonly packages: number;
}

export const REAL_SIZE: CatalogSize = { targets: 62, profiles: 2_000, architectures: 36, packages: 10_000 };

/** Kernel modules of one target. */
const KMODS = 900;
/** Packages of a target's own folder. */
const TARGET_PACKAGES = 300;
const LANGUAGES = ['ar', 'bg', 'cs', 'da', 'de', 'el', 'es', 'fr', 'he', 'hu', 'it', 'ja', 'ko', 'nl', 'pl'];
/** Which part of all packages each feed has. */
const FEED_PARTS = { base: 0.06, luci: 0.5, packages: 0.38, routing: 0.04, telephony: 0.02 };

export interface LargeTarget {
  readonly name: string;
  readonly architecture: string;
  readonly profileCount: number;
}

/** The targets of a release: `x86/64` with one generic profile, the others with ever fewer. */
export function largeTargets(size: CatalogSize): readonly LargeTarget[] {
  const weights = Array.from({ length: size.targets - 1 }, (_, at) => 1 / (at + 3));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const others = weights.map((weight, at) => ({
    name: `board${String(at).padStart(2, '0')}/generic`,
    architecture: `arch_${at % (size.architectures - 1)}`,
    profileCount: Math.max(2, Math.round((weight / sum) * size.profiles)),
  }));
  return [{ name: 'x86/64', architecture: 'x86_64', profileCount: 1 }, ...others];
}

export const KERNEL = { version: '6.6.110', release: '1', vermagic: 'e5fef138e5fef138e5fef138e5fef138' };
export const KMODS_FOLDER = `${KERNEL.version}-${KERNEL.release}-${KERNEL.vermagic}`;

export function largeProfilesJson(version: string, versionCode: string, target: LargeTarget): string {
  const prefix = `openwrt-${version}-${target.name.replace('/', '-')}`;
  const ids =
    target.profileCount === 1
      ? ['generic']
      : Array.from({ length: target.profileCount }, (_, at) => `vendor${at % 40}_model-${at}`);
  return JSON.stringify({
    arch_packages: target.architecture,
    default_packages: [
      'base-files',
      'busybox',
      'dropbear',
      'firewall4',
      'kmod-usb-core',
      'libc',
      'opkg',
      'procd',
    ],
    linux_kernel: KERNEL,
    metadata_version: 1,
    profiles: Object.fromEntries(ids.map((id) => [id, profileOf(id, `${prefix}-${id}`)])),
    source_date_epoch: 1_760_898_216,
    target: target.name,
    version_code: versionCode,
    version_number: version,
  });
}

function profileOf(id: string, prefix: string): Record<string, unknown> {
  const images = ['factory', 'sysupgrade', 'kernel'].map((type) => {
    const name = `${prefix}-squashfs-${type}.bin`;
    return {
      filesystem: 'squashfs',
      name,
      sha256: sha256Hex(name),
      sha256_unsigned: sha256Hex(`u ${name}`),
      type,
    };
  });
  return {
    device_packages: [
      'kmod-ath10k-ct',
      'ath10k-firmware-qca988x-ct',
      'kmod-usb2',
      'kmod-usb-ledtrig-usbport',
    ],
    image_prefix: prefix,
    images,
    supported_devices: [id.replace('_', ','), `old-${id}`],
    titles: [{ vendor: id.split('_')[0], model: id.split('_')[1], variant: 'v1' }],
  };
}

export function largeSha256sums(version: string, target: LargeTarget, profilesJson: string): string {
  const archive = `openwrt-imagebuilder-${version}-${target.name.replace('/', '-')}.Linux-x86_64.tar.zst`;
  const images = [...profilesJson.matchAll(/"name":"([^"]+)","sha256":"([0-9a-f]{64})"/g)];
  const lines = images.map(([, name, sum]) => `${sum} *${name}`);
  lines.push(`${sha256Hex(archive)} *${archive}`, `${sha256Hex(profilesJson)} *profiles.json`);
  return `${lines.join('\n')}\n`;
}

/** `index.json` by feed of one architecture. */
export function largeFeeds(
  size: CatalogSize,
  architecture: string,
  seed: number,
): ReadonlyMap<string, string> {
  const names = packageNames(size.packages);
  const feeds = new Map<string, string>();
  let from = 0;
  for (const [feed, part] of Object.entries(FEED_PARTS)) {
    const own = names.slice(from, from + Math.round(part * size.packages));
    from += own.length;
    feeds.set(feed, indexJson(architecture, own, seed));
  }
  return feeds;
}

/** `index.json` of a target's own packages and of its kernel modules. */
export function largeTargetIndexes(
  architecture: string,
  seed: number,
): { readonly packages: string; readonly kmods: string } {
  const own = ['base-files', 'busybox', 'dropbear', 'firewall4', 'libc', 'procd'];
  const more = Array.from({ length: TARGET_PACKAGES - own.length }, (_, at) => `core-part-${at}`);
  const kmods = Array.from(
    { length: KMODS },
    (_, at) => `kmod-${['usb', 'net', 'fs', 'crypto'][at % 4]}-m${at}`,
  );
  return {
    packages: indexJson(architecture, [...own, ...more], seed),
    kmods: indexJson(architecture, kmods, seed),
  };
}

/** Names of all feeds, half of them translations as upstream. */
export function packageNames(count: number): readonly string[] {
  const stems = [
    'python3',
    'lib',
    'perl',
    'node',
    'asterisk',
    'collectd-mod',
    'freeradius3',
    'net',
    'luci-app',
    'tool',
  ];
  return Array.from({ length: count }, (_, at) => {
    const isTranslation = at >= count * 0.1 && at < count * 0.55;
    return isTranslation
      ? `luci-i18n-app${Math.floor(at / LANGUAGES.length)}-${LANGUAGES[at % LANGUAGES.length]}`
      : `${stems[at % stems.length]}-item${at}`;
  });
}

function indexJson(architecture: string, names: readonly string[], seed: number): string {
  const packages = Object.fromEntries(
    names.map((name, at) => [
      name,
      `${20 + (at % 7)}.${(at * 7919 + seed) % 365}.${at % 90_000}~${(at * 2654435761 + seed) % 0xfffffff}-r${at % 9}`,
    ]),
  );
  return JSON.stringify({ version: 2, architecture, packages });
}
