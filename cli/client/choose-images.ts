import type { Image } from '../../shared/domain/profiles-json.ts';

/** Filesystems, the one most people want first. */
const FILESYSTEM_ORDER = ['squashfs', 'ubifs', 'ext4'];
/** Types a person installs or upgrades with. */
const INSTALLABLE = ['sysupgrade', 'factory', 'sdcard', 'combined-efi', 'combined'];

/**
 * The images worth having: those to install or upgrade with, of one filesystem. `combined-efi` starts on both kinds of
 * firmware and makes `combined` needless. All of them when there is nothing of the kind.
 */
export function imagesWorthHaving(images: readonly Image[]): readonly Image[] {
  const installable = images.filter((image) => INSTALLABLE.includes(image.type));
  if (installable.length === 0) return images;
  const kinds = new Set(installable.map((image) => image.filesystem ?? ''));
  const filesystem = FILESYSTEM_ORDER.find((name) => kinds.has(name)) ?? [...kinds][0];
  const chosen = installable.filter((image) => (image.filesystem ?? '') === filesystem);
  const hasEfi = chosen.some((image) => image.type === 'combined-efi');
  return chosen.filter((image) => !(hasEfi && image.type === 'combined'));
}
