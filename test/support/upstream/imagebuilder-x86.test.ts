import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ImageBuilderFixture, startImageBuilderFixture } from './imagebuilder-fixture.ts';
import type { UnpackedImageBuilder } from './unpacked-imagebuilder.ts';

const TARGET = 'x86/64';

function builderOf(version: string): () => UnpackedImageBuilder {
  let fixture: ImageBuilderFixture;
  let builder: UnpackedImageBuilder;
  beforeAll(async () => {
    fixture = await startImageBuilderFixture(version, TARGET);
    builder = await fixture.unpack(version, TARGET);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());
  return () => builder;
}

const listed = async (builder: UnpackedImageBuilder) =>
  JSON.parse(await builder.read('out/profiles.json')).profiles.generic.images.map(
    (each: { filesystem: string; type: string }) => `${each.filesystem} ${each.type}`,
  );

describe('SNAPSHOT', () => {
  const builder = builderOf('SNAPSHOT');

  test('file names have no version; kernel and plain rootfs are there but not listed', async () => {
    const { exitCode } = await builder().image('PROFILE=generic');
    expect(exitCode).toBe(0);
    const prefix = 'openwrt-x86-64-generic';
    const outputs = await builder().outputs();
    for (const end of [
      '-kernel.bin',
      '-rootfs.tar.gz',
      '-targz-rootfs.tar.gz',
      '.manifest',
      '.bom.cdx.json',
    ]) {
      expect(outputs).toContain(`${prefix}${end}`);
    }
    expect((await listed(builder())).toSorted()).toEqual([
      'ext4 combined',
      'ext4 combined-efi',
      'ext4 rootfs',
      'squashfs combined',
      'squashfs combined-efi',
      'squashfs rootfs',
      'targz rootfs',
    ]);
  });

  test('the root partition must have a size, and a root filesystem that fits', async () => {
    const none = await builder().image('ROOTFS_PARTSIZE=many');
    expect([none.exitCode, none.stderr.includes('Need size of filesystem')]).toEqual([2, true]);
    const big = await builder().image('PACKAGES=knob-too-big', 'ROOTFS_PARTSIZE=300');
    expect(big.exitCode).toBe(2);
    expect(big.stderr).toMatch(/error: make_file: failed to allocate inode\n.*root\.ext4\] Error 1/);
  });

  test('another partition size gives other disk images', async () => {
    const sums = async (size: string) => {
      await builder().image(`ROOTFS_PARTSIZE=${size}`);
      const lines = (await builder().read('out/sha256sums')).split('\n');
      return lines.find((line) => line.endsWith('squashfs-combined.img.gz'));
    };
    const small = await sums('200');
    expect(small).toMatch(/^[0-9a-f]{64} /);
    expect(await sums('300')).not.toBe(small);
  });

  test('ROOTFS_FILESYSTEM picks one that is built in', async () => {
    await builder().image('ROOTFS_FILESYSTEM=squashfs');
    expect((await listed(builder())).filter((each: string) => each.startsWith('ext4'))).toEqual([]);
    const { exitCode, stdout } = await builder().image('ROOTFS_FILESYSTEM=ubifs');
    const text = 'Filesystem "ubifs" is not available!\nAvailable filesystems: ext4 squashfs\n';
    expect([exitCode, stdout]).toEqual([2, text]);
  });
});

describe('23.05.6', () => {
  const builder = builderOf('23.05.6');

  test('make info has no line of supported devices where there are none', async () => {
    const { stdout } = await builder().make('info');
    expect(stdout).toMatch(
      /\ngeneric:\n {4}Generic x86\/64\n {4}Packages: kmod-e1000e [^\n]+\n {4}hasImageMetadata: 1\n$/,
    );
  });

  test('versions are of the old style and there is no bill of materials', async () => {
    const { stdout } = await builder().make('manifest', 'STRIP_ABI=1');
    expect(stdout).toMatch(/^kernel - 5\.15\.189-1-[0-9a-f]{32}$/m);
    expect(stdout).toMatch(/^urngd - 2023-11-01-44365eb1-1$/m);
    expect(stdout).toMatch(/^base-files - 1553-r24106-10cc5fcd00$/m);
    expect((await builder().image()).exitCode).toBe(0);
    expect((await builder().outputs()).filter((each) => each.includes('bom'))).toEqual([]);
  });

  test('ROOTFS_FILESYSTEM means nothing to a release', async () => {
    const { exitCode } = await builder().image('ROOTFS_FILESYSTEM=nonsense');
    expect(exitCode).toBe(0);
  });
});
