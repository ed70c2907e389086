import { expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { hasCode } from '../../shared/errors.ts';
import { parseBuilderInfo } from './builder-info.ts';
import { makeImage, makeManifest, manifestHash, packagesToInstall } from './make-arguments.ts';
import { SMALL_INFO, smallSpec } from './small-builder.test.support.ts';

const info = parseBuilderInfo(SMALL_INFO);

test('packages are taken as they were asked for', () => {
  expect(packagesToInstall(smallSpec({ packages: ['tmux', '-dnsmasq', 'luci'] }), info)).toEqual([
    'tmux',
    '-dnsmasq',
    'luci',
  ]);
});

test('a difference removes default and device packages nobody asked for, sorted, before the rest in its order', () => {
  const spec = smallSpec({ diffPackages: true, packages: ['tmux', 'base-files', 'luci'] });
  expect(packagesToInstall(spec, info)).toEqual([
    '-dnsmasq',
    '-kmod-usb-chipidea2',
    'tmux',
    'base-files',
    'luci',
  ]);
});

test('what a device takes away itself is not removed once more', () => {
  const device = { title: '', packages: ['-dnsmasq', 'dnsmasq-full'], supportedDevices: [] };
  const spec = smallSpec({ diffPackages: true, packages: ['dnsmasq', 'base-files'] });
  expect(packagesToInstall(spec, { ...info, profiles: { '8dev_carambola2': device } })).toEqual([
    '-dnsmasq-full',
    'dnsmasq',
    'base-files',
  ]);
});

test('make manifest asks for names without ABI version', () => {
  expect(makeManifest(smallSpec(), ['tmux', '-ppp'])).toEqual([
    'make',
    'manifest',
    'PROFILE=8dev_carambola2',
    'PACKAGES=tmux -ppp',
    'STRIP_ABI=1',
  ]);
});

test('make image names the image by its manifest and gives only what was asked for', () => {
  const manifest = { b: '2', a: '1-r1' };
  const extra = `EXTRA_IMAGE_NAME=${sha256Hex('a - 1-r1\nb - 2\n').slice(0, 12)}`;
  expect(makeImage(smallSpec(), [], manifest)).toEqual([
    'make',
    'image',
    'PROFILE=8dev_carambola2',
    'PACKAGES=',
    extra,
    'BIN_DIR=/out',
  ]);
  const full = smallSpec({ defaults: 'echo', rootfsSizeMb: 256, filesystem: 'ext4' });
  expect(makeImage(full, ['a'], manifest)).toEqual([
    'make',
    'image',
    'PROFILE=8dev_carambola2',
    'PACKAGES=a',
    extra,
    'BIN_DIR=/out',
    'FILES=/files',
    'ROOTFS_PARTSIZE=256',
    'ROOTFS_FILESYSTEM=ext4',
  ]);
});

test('the hash of a manifest does not depend on its order', () => {
  expect(manifestHash({ a: '1', b: '2' })).toBe(manifestHash({ b: '2', a: '1' }));
  expect(manifestHash({ a: '1' })).not.toBe(manifestHash({ a: '2' }));
});

test.each(['$(id)', 'a;b', 'a>1', 'a b', '', '--x', '../x', 'a\n', 'a=1', '`id`', 'a/b'])(
  'a package %j never reaches make',
  (name) => {
    expect(() => makeManifest(smallSpec(), [name])).toThrow(invalid());
  },
);

test.each<Partial<BuildSpec>>([
  { profile: '$(id)' },
  { profile: '' },
  { profile: 'a b' },
  { rootfsSizeMb: 1.5 },
  { rootfsSizeMb: 0 },
  { filesystem: 'ext4 X=1' as 'ext4' },
])('a value that is not plain never reaches make: %j', (changes) => {
  expect(() => makeImage(smallSpec(changes), [], {})).toThrow(invalid());
});

test('a list of packages too long for one argument is refused', () => {
  expect(() => makeManifest(smallSpec(), Array<string>(700).fill('p'.repeat(100)))).toThrow(invalid());
});

function invalid(): unknown {
  return expect.toSatisfy((thrown) => hasCode(thrown, 'invalid_request'));
}
