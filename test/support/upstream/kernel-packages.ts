import { inFeed, type PackageSpec } from './package-spec.ts';

const CORE = [
  'nft-core',
  'nft-offload',
  'ppp',
  'slhc',
  'cfg80211',
  'tun',
  'wireguard',
  'usb-core',
  'usb-net',
];
const BY_TARGET: Readonly<Record<string, readonly string[]>> = {
  'ath79/generic': [
    'ath9k',
    'ath10k-ct',
    'gpio-button-hotplug',
    'mac80211',
    'usb2',
    'usb-chipidea2',
    'usb-ohci',
  ],
  'mediatek/filogic': [
    'gpio-button-hotplug',
    'leds-gpio',
    'mac80211',
    'mt7915e',
    'mt7981-firmware',
    'mt7986-firmware',
    'usb3',
  ],
  'x86/64': ['button-hotplug', 'e1000e', 'igb', 'igc', 'mac80211', 'r8169', 'usb3'],
};
const DEPENDS: Readonly<Record<string, readonly string[]>> = {
  ath9k: ['kmod-mac80211'],
  'ath10k-ct': ['kmod-mac80211'],
  mac80211: ['kmod-cfg80211'],
  mt7915e: ['kmod-mac80211'],
  'nft-offload': ['kmod-nft-core'],
  ppp: ['kmod-slhc'],
  'usb-chipidea2': ['kmod-usb-core'],
  'usb-net': ['kmod-usb-core'],
  'usb-ohci': ['kmod-usb-core'],
  usb2: ['kmod-usb-core'],
  usb3: ['kmod-usb-core'],
};

function row(module: string, targets?: readonly string[]) {
  const depends = ['kernel', ...(DEPENDS[module] ?? [])];
  const files = { [`lib/modules/${module}.ko`]: `${module}\n` };
  return [`kmod-${module}`, undefined, { depends, files, ...(targets ? { targets } : {}) }] as const;
}

/** Kernel modules; their version is the kernel's. */
export const KERNEL_PACKAGES: readonly PackageSpec[] = inFeed('kmods', [
  ...CORE.map((module) => row(module)),
  ...Object.entries(BY_TARGET).flatMap(([target, modules]) => modules.map((module) => row(module, [target]))),
]);
