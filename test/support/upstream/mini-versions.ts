import { sha256Hex } from '../../../shared/digest.ts';

/** One OpenWrt version of the miniature, with all in which real ones differ. */
export interface MiniVersion {
  /** First word of the names of archives and images; default `openwrt`. */
  readonly distro?: string;
  /** As in `version_number`: `24.10.4`, `SNAPSHOT`. */
  readonly version: string;
  /** The version of the miniature it is made like, whose packages it has; default: itself. */
  readonly like?: string;
  /** Folder below the mirror's root: `releases/24.10.4`, `snapshots`. */
  readonly path: string;
  /** `r28959-29397011cc`. */
  readonly versionCode: string;
  readonly packageManager: 'opkg' | 'apk';
  readonly compression: 'xz' | 'zst';
  readonly kernelVersion: string;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number;
  /** 1: `index.json` has names with their ABI version; 2: without. */
  readonly indexFormat: 1 | 2;
  /** Sizes and size limits in profiles.json. */
  readonly imageSizes: boolean;
  readonly billOfMaterials: boolean;
  /** Images with metadata are signed with the directory's own key. */
  readonly signedImages: boolean;
  /** `make image ROOTFS_FILESYSTEM=` is understood. */
  readonly rootfsFilesystemOption: boolean;
}

/** Newest first, as in `.versions.json`. */
export const MINI_VERSIONS: readonly MiniVersion[] = [
  {
    version: 'SNAPSHOT',
    path: 'snapshots',
    versionCode: 'r34876-4d2c7e9b10',
    packageManager: 'apk',
    compression: 'zst',
    kernelVersion: '6.18.21',
    sourceDateEpoch: 1_785_600_000,
    indexFormat: 2,
    imageSizes: true,
    billOfMaterials: true,
    signedImages: false,
    rootfsFilesystemOption: true,
  },
  {
    version: '25.12.0',
    path: 'releases/25.12.0',
    versionCode: 'r33051-f5dae5ece4',
    packageManager: 'apk',
    compression: 'zst',
    kernelVersion: '6.12.94',
    sourceDateEpoch: 1_782_737_960,
    indexFormat: 2,
    imageSizes: true,
    billOfMaterials: true,
    signedImages: false,
    rootfsFilesystemOption: false,
  },
  {
    version: '24.10.4',
    path: 'releases/24.10.4',
    versionCode: 'r28959-29397011cc',
    packageManager: 'opkg',
    compression: 'zst',
    kernelVersion: '6.6.110',
    sourceDateEpoch: 1_760_898_216,
    indexFormat: 2,
    imageSizes: false,
    billOfMaterials: true,
    signedImages: true,
    rootfsFilesystemOption: false,
  },
  {
    version: '23.05.6',
    path: 'releases/23.05.6',
    versionCode: 'r24106-10cc5fcd00',
    packageManager: 'opkg',
    compression: 'xz',
    kernelVersion: '5.15.189',
    sourceDateEpoch: 1_755_676_800,
    indexFormat: 1,
    imageSizes: false,
    billOfMaterials: false,
    signedImages: true,
    rootfsFilesystemOption: false,
  },
];

/** `.versions.json` of the miniature. */
export const MINI_VERSIONS_JSON = {
  stable_version: '25.12.0',
  oldstable_version: '24.10.4',
  upcoming_version: '',
  versions_list: MINI_VERSIONS.map((each) => each.version).filter((each) => each !== 'SNAPSHOT'),
};

/** The kernel's release, constant upstream but for rebuilds. */
export const KERNEL_RELEASE = '1';

/** 32 hex digits that tell kernel configurations apart; each target of each version has its own. */
export function vermagic(version: MiniVersion, target: string): string {
  return sha256Hex(`${version.version} ${target}`).slice(0, 32);
}

/** Name of the folder of kernel modules: `6.12.94-1-<vermagic>`. */
export function kmodsFolder(version: MiniVersion, target: string): string {
  return `${version.kernelVersion}-${KERNEL_RELEASE}-${vermagic(version, target)}`;
}
