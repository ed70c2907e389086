import { type MiniTarget, profileTitle } from './mini-targets.ts';
import { KERNEL_RELEASE, kmodsFolder, type MiniVersion, vermagic } from './mini-versions.ts';
import { ARCHITECTURE_FEEDS } from './package-spec.ts';
import { defaultPackages } from './published-profiles.ts';

/** The mirror real ImageBuilders name in their feeds; a user of another mirror rewrites it. */
const OFFICIAL_UPSTREAM = 'https://downloads.openwrt.org';
/** Size of the root partition on disks unless told otherwise, MiB. Source: openwrt, config/Config-images.in. */
const ROOTFS_PARTSIZE_MIB = 104;

/** Text files of an ImageBuilder that depend on version and target, by path. */
export function imageBuilderConfig(version: MiniVersion, target: MiniTarget): Record<string, string> {
  const [board = '', subtarget = ''] = target.name.split('/');
  return {
    '.config': dotConfig(version, target, board, subtarget),
    '.targetinfo': targetInfo(version, target),
    '.packageinfo': '',
    'include/version.mk': versionMk(version, target),
    [`target/linux/${board}/image/devices.json`]: devicesJson(target),
    ...(version.packageManager === 'apk'
      ? { repositories: apkRepositories(version, target) }
      : { 'repositories.conf': opkgRepositories(version, target), 'packages/Packages': '' }),
  };
}

function dotConfig(version: MiniVersion, target: MiniTarget, board: string, subtarget: string): string {
  const flag = (name: string, on: boolean): string =>
    on ? `CONFIG_${name}=y` : `# CONFIG_${name} is not set`;
  return [
    `CONFIG_ARCH="${target.cpu}"`,
    `CONFIG_TARGET_ARCH_PACKAGES="${target.architecture}"`,
    `CONFIG_TARGET_BOARD="${board}"`,
    `CONFIG_TARGET_SUBTARGET="${subtarget}"`,
    `CONFIG_VERSION_DIST="${version.distro ?? 'openwrt'}"`,
    `CONFIG_VERSION_NUMBER="${version.version}"`,
    flag('VERSION_FILENAMES', version.version !== 'SNAPSHOT'),
    flag('USE_APK', version.packageManager === 'apk'),
    flag('TARGET_ROOTFS_EXT4FS', target.disk),
    flag('TARGET_ROOTFS_SQUASHFS', true),
    flag('TARGET_ROOTFS_TARGZ', target.disk),
    ...(target.disk ? [`CONFIG_TARGET_ROOTFS_PARTSIZE=${ROOTFS_PARTSIZE_MIB}`] : []),
    'CONFIG_DOWNLOAD_FOLDER=""',
    '',
  ].join('\n');
}

/** Paragraphs as in OpenWrt's tmp/.targetinfo (scripts/target-metadata.pl reads them). */
function targetInfo(version: MiniVersion, target: MiniTarget): string {
  const profiles = target.profiles.map((profile) =>
    [
      `Target-Profile: DEVICE_${profile.id}`,
      `Target-Profile-Name: ${profileTitle(profile)}`,
      `Target-Profile-Packages: ${profile.devicePackages.join(' ')}`,
      'Target-Profile-hasImageMetadata: 1',
      `Target-Profile-SupportedDevices: ${profile.supportedDevices.join(' ')}`,
      '',
    ].join('\n'),
  );
  return [
    `Target: ${target.name}`,
    `Target-Arch: ${target.cpu}`,
    `Target-Arch-Packages: ${target.architecture}`,
    `Linux-Version: ${version.kernelVersion}`,
    `Default-Packages: ${defaultPackages(version, target).join(' ')}`,
    '',
    ...profiles,
    '@@',
    '',
  ].join('\n');
}

function versionMk(version: MiniVersion, target: MiniTarget): string {
  return [
    `REVISION := ${version.versionCode}`,
    `SOURCE_DATE_EPOCH := ${version.sourceDateEpoch}`,
    `LINUX_VERSION := ${version.kernelVersion}`,
    `LINUX_RELEASE := ${KERNEL_RELEASE}`,
    `LINUX_VERMAGIC := ${vermagic(version, target.name)}`,
    '# In what versions differ.',
    `SIGN_IMAGES := ${version.signedImages ? 1 : ''}`,
    `IMAGE_SIZES := ${version.imageSizes ? 1 : ''}`,
    `BILL_OF_MATERIALS := ${version.billOfMaterials ? 1 : ''}`,
    `ROOTFS_FILESYSTEM_OPTION := ${version.rootfsFilesystemOption ? 1 : ''}`,
    '',
  ].join('\n');
}

function devicesJson(target: MiniTarget): string {
  const devices = target.profiles.map((profile) => [
    profile.id,
    {
      disk: target.disk,
      device_packages: profile.devicePackages,
      supported_devices: profile.supportedDevices,
      titles: profile.titles,
      image_size: profile.imageSize ?? 0,
      images: profile.images,
    },
  ]);
  return `${JSON.stringify(Object.fromEntries(devices), undefined, 2)}\n`;
}

/** Name and folder of each feed, in OpenWrt's order. */
function feeds(version: MiniVersion, target: MiniTarget): (readonly [name: string, folder: string])[] {
  const ofTarget = `${version.path}/targets/${target.name}`;
  const [base, ...others] = ARCHITECTURE_FEEDS.map(
    (feed) => [feed, `${version.path}/packages/${target.architecture}/${feed}`] as const,
  );
  return [
    ['core', `${ofTarget}/packages`],
    ...(base ? [base] : []),
    ['kmods', `${ofTarget}/kmods/${kmodsFolder(version, target.name)}`],
    ...others,
  ];
}

function apkRepositories(version: MiniVersion, target: MiniTarget): string {
  const comment = version.version === 'SNAPSHOT' ? ['# Feeds of this build, one URL per line'] : [];
  const lines = feeds(version, target).map(([, folder]) => `${OFFICIAL_UPSTREAM}/${folder}/packages.adb`);
  return [...comment, ...lines, ''].join('\n');
}

function opkgRepositories(version: MiniVersion, target: MiniTarget): string {
  return [
    '## Feeds of this build',
    ...feeds(version, target).map(
      ([name, folder]) => `src/gz openwrt_${name} ${OFFICIAL_UPSTREAM}/${folder}`,
    ),
    '',
    '## The local feed',
    'src imagebuilder file:packages',
    '',
    'option check_signature',
    '',
  ].join('\n');
}
