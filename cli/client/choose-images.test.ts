import { expect, test } from 'vitest';
import type { Image } from '../../shared/domain/profiles-json.ts';
import { imagesWorthHaving } from './choose-images.ts';

const image = (type: string, filesystem?: string): Image => ({
  name: `${filesystem}-${type}`,
  type,
  sha256: '',
  ...(filesystem === undefined ? {} : { filesystem }),
});
const chosen = (...images: Image[]): string[] => imagesWorthHaving(images).map(({ name }) => name);

test('a router gets what installs and what upgrades', () => {
  const images = [image('factory', 'squashfs'), image('sysupgrade', 'squashfs'), image('kernel', 'squashfs')];
  expect(chosen(...images)).toEqual(['squashfs-factory', 'squashfs-sysupgrade']);
});

test('a PC gets one image, which starts on both kinds of firmware', () => {
  const types = ['combined', 'combined-efi', 'rootfs'];
  const images = ['ext4', 'squashfs'].flatMap((filesystem) => types.map((type) => image(type, filesystem)));
  expect(chosen(...images)).toEqual(['squashfs-combined-efi']);
});

test('without squashfs the filesystem there is is taken', () => {
  expect(chosen(image('sdcard', 'ext4'), image('rootfs', 'ext4'))).toEqual(['ext4-sdcard']);
});

test('where nothing can be installed everything is taken', () => {
  expect(chosen(image('rootfs', 'targz'), image('kernel'))).toEqual(['targz-rootfs', 'undefined-kernel']);
});
