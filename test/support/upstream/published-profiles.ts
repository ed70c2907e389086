import { sha256Hex } from '../../../shared/digest.ts';
import { DEFAULT_PACKAGES } from './base-packages.ts';
import type { MiniImage, MiniProfile, MiniTarget } from './mini-targets.ts';
import { KERNEL_RELEASE, type MiniVersion, vermagic } from './mini-versions.ts';

/** Default packages of a target: of all targets, the package manager, its own; sorted. */
export function defaultPackages(version: MiniVersion, target: MiniTarget): string[] {
  const manager = version.packageManager === 'apk' ? 'apk-mbedtls' : 'opkg';
  return [...DEFAULT_PACKAGES, manager, ...target.defaultPackages].sort();
}

/** profiles.json as the release publishes it: all profiles of the target, with images that are named but not kept. */
export function publishedProfiles(version: MiniVersion, target: MiniTarget): string {
  const number = version.version === 'SNAPSHOT' ? '' : `${version.version}-`;
  const prefix = `${version.distro ?? 'openwrt'}-${number}${target.name.replace('/', '-')}`;
  const profiles = Object.fromEntries(
    target.profiles.map((profile) => [
      profile.id,
      published(profile, version, target, `${prefix}-${profile.id}`),
    ]),
  );
  return JSON.stringify({
    arch_packages: target.architecture,
    default_packages: defaultPackages(version, target),
    linux_kernel: {
      release: KERNEL_RELEASE,
      vermagic: vermagic(version, target.name),
      version: version.kernelVersion,
    },
    metadata_version: 1,
    profiles,
    source_date_epoch: version.sourceDateEpoch,
    target: target.name,
    version_code: version.versionCode,
    version_number: version.version,
  });
}

function published(profile: MiniProfile, version: MiniVersion, target: MiniTarget, prefix: string) {
  return {
    device_packages: profile.devicePackages,
    ...(version.imageSizes && profile.imageSize ? { file_size_limits: { image: profile.imageSize } } : {}),
    image_prefix: prefix,
    images: profile.images.flatMap((image) =>
      filesystems(image, target).map((filesystem) => {
        const name = `${prefix}-${filesystem}-${image.type}.${image.extension}`;
        const unsigned = sha256Hex(`${version.version} ${name}`);
        const signed = version.signedImages && image.metadata;
        return {
          filesystem,
          name,
          sha256: signed ? sha256Hex(`${unsigned} signed`) : unsigned,
          sha256_unsigned: unsigned,
          ...(version.imageSizes ? { size: 7_340_032 } : {}),
          type: image.type,
        };
      }),
    ),
    supported_devices: profile.supportedDevices,
    titles: profile.titles,
  };
}

function filesystems(image: MiniImage, target: MiniTarget): string[] {
  if (!target.disk) return ['squashfs'];
  return image.extension === 'tar.gz' ? ['targz'] : ['ext4', 'squashfs'];
}
