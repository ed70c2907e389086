/** One kind of image file of a device. */
export interface MiniImage {
  /** As in profiles.json and in the file name: `sysupgrade`, `factory-eu`, `combined-efi`. */
  readonly type: string;
  readonly extension: string;
  /** Carries metadata at its end, and in 23.05 and 24.10 a signature. */
  readonly metadata?: true;
}

export interface MiniProfile {
  readonly id: string;
  readonly titles: readonly Readonly<Record<string, string>>[];
  readonly supportedDevices: readonly string[];
  readonly devicePackages: readonly string[];
  /** Largest flash image, bytes. */
  readonly imageSize?: number;
  readonly images: readonly MiniImage[];
}

export interface MiniTarget {
  /** `ath79/generic`. */
  readonly name: string;
  /** The CPU family, which `make info` calls architecture. */
  readonly cpu: string;
  /** Architecture of packages. */
  readonly architecture: string;
  /** Default packages beyond those of all targets. */
  readonly defaultPackages: readonly string[];
  /** A disk with partitions rather than flash. */
  readonly disk: boolean;
  readonly profiles: readonly MiniProfile[];
}

const SYSUPGRADE: MiniImage = { type: 'sysupgrade', extension: 'bin', metadata: true };
const FACTORY: MiniImage = { type: 'factory', extension: 'bin' };

/** A device of ath79 or filogic; `alias` is its name before device trees, where it had one. */
function device(
  id: string,
  vendor: string,
  model: string,
  options: Partial<MiniProfile> & { readonly variant?: string; readonly alias?: string },
): MiniProfile {
  const { variant, alias, ...rest } = options;
  return {
    id,
    titles: [{ vendor, model, ...(variant ? { variant } : {}) }],
    supportedDevices: [id.replace('_', ','), ...(alias ? [alias] : [])],
    devicePackages: [],
    imageSize: 16_384_000,
    images: [SYSUPGRADE],
    ...rest,
  };
}

const AX_PACKAGES = ['kmod-mt7915e', 'kmod-mt7986-firmware', 'mt7986-wo-firmware'];

/** The targets of every version. Profiles are in the order of `make info`. */
export const MINI_TARGETS: readonly MiniTarget[] = [
  {
    name: 'ath79/generic',
    cpu: 'mips',
    architecture: 'mips_24kc',
    defaultPackages: ['kmod-ath9k', 'kmod-gpio-button-hotplug', 'swconfig', 'wpad-basic-mbedtls'],
    disk: false,
    profiles: [
      device('8dev_carambola2', '8devices', 'Carambola2', {
        alias: 'carambola2',
        devicePackages: ['kmod-usb-chipidea2'],
      }),
      device('glinet_gl-ar150', 'GL.iNet', 'GL-AR150', {
        alias: 'gl-ar150',
        devicePackages: ['kmod-usb-chipidea2'],
      }),
      device('netgear_wndr3800', 'NETGEAR', 'WNDR3800', {
        alias: 'wndr3700',
        devicePackages: ['kmod-usb-ohci', 'kmod-usb2'],
        imageSize: 15_728_640,
        images: [SYSUPGRADE, { type: 'factory', extension: 'img' }],
      }),
      device('tplink_archer-c7-v2', 'TP-Link', 'Archer C7', {
        variant: 'v2',
        alias: 'archer-c7',
        devicePackages: ['kmod-ath10k-ct', 'kmod-usb2'],
        imageSize: 16_515_072,
        images: [
          SYSUPGRADE,
          FACTORY,
          { type: 'factory-eu', extension: 'bin' },
          { type: 'factory-us', extension: 'bin' },
        ],
      }),
      device('tplink_archer-c7-v5', 'TP-Link', 'Archer C7', {
        variant: 'v5',
        devicePackages: ['kmod-ath10k-ct', 'kmod-usb2'],
        imageSize: 15_728_640,
        images: [SYSUPGRADE, FACTORY],
      }),
    ],
  },
  {
    name: 'mediatek/filogic',
    cpu: 'aarch64',
    architecture: 'aarch64_cortex-a53',
    defaultPackages: ['fitblk', 'kmod-gpio-button-hotplug', 'kmod-leds-gpio', 'wpad-basic-mbedtls'],
    disk: false,
    profiles: [
      device('bananapi_bpi-r3', 'Bananapi', 'BPi-R3', {
        devicePackages: [...AX_PACKAGES, 'kmod-usb3'],
        images: [{ type: 'sysupgrade', extension: 'itb', metadata: true }],
      }),
      device('glinet_gl-mt6000', 'GL.iNet', 'GL-MT6000', {
        alias: 'glinet,mt6000',
        devicePackages: [...AX_PACKAGES, 'kmod-usb3'],
        imageSize: 20_971_520,
      }),
      device('openwrt_one', 'OpenWrt', 'One', {
        devicePackages: ['kmod-mt7915e', 'kmod-mt7981-firmware', 'mt7981-wo-firmware', 'kmod-usb3'],
        imageSize: 20_971_520,
        images: [
          { type: 'sysupgrade', extension: 'itb', metadata: true },
          { type: 'factory', extension: 'ubi' },
        ],
      }),
    ],
  },
  {
    name: 'x86/64',
    cpu: 'x86_64',
    architecture: 'x86_64',
    defaultPackages: ['e2fsprogs', 'grub2-bios-setup', 'kmod-button-hotplug', 'mkf2fs', 'partx-utils'],
    disk: true,
    profiles: [
      {
        id: 'generic',
        titles: [{ title: 'Generic x86/64' }],
        supportedDevices: [],
        devicePackages: ['kmod-e1000e', 'kmod-igb', 'kmod-igc', 'kmod-r8169'],
        images: [
          { type: 'combined', extension: 'img.gz', metadata: true },
          { type: 'combined-efi', extension: 'img.gz', metadata: true },
          { type: 'rootfs', extension: 'img.gz' },
          { type: 'rootfs', extension: 'tar.gz' },
        ],
      },
    ],
  },
];

/** For people: `TP-Link Archer C7 v2`. */
export function profileTitle(profile: MiniProfile): string {
  const [title = {}] = profile.titles;
  return title.title ?? [title.vendor, title.model, title.variant].filter(Boolean).join(' ');
}
