import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BUILDER_TOKEN_PATTERN,
  type Builder,
  builderName,
  builderToken,
  DISTRO_PATTERN,
  findArchive,
  parseBuilderName,
  parseBuilderToken,
  TARGET_PATTERN,
  targetPath,
  VERSION_PATTERN,
} from './builder.ts';

const builders: fc.Arbitrary<Builder> = fc.record({
  distro: fc.stringMatching(new RegExp(DISTRO_PATTERN)),
  version: fc.stringMatching(new RegExp(VERSION_PATTERN)),
  target: fc.stringMatching(new RegExp(TARGET_PATTERN)),
});

describe('the token of a builder', () => {
  test('is written as the design says', () => {
    const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
    expect(builderToken(builder)).toBe('openwrt=24_10_4=x86=64');
    expect(builderToken({ ...builder, version: '25.12.0-rc2', target: 'lantiq/xway_legacy' })).toBe(
      'openwrt=25_12_0-rc2=lantiq=xway_legacy',
    );
  });

  test('names exactly its builder, and is one token of NATS and one file name', () => {
    fc.assert(
      fc.property(builders, (builder) => {
        const token = builderToken(builder);
        expect(token).toMatch(new RegExp(BUILDER_TOKEN_PATTERN));
        expect(token).not.toMatch(/[.*>\s/]/);
        expect(parseBuilderToken(token)).toEqual(builder);
      }),
    );
  });

  test.each(['', 'openwrt', 'openwrt=24_10_4=x86', 'openwrt=24_10_4=x86=', 'openwrt=24_10_4=x86=64=more'])(
    'is not %j',
    (token) => {
      expect(parseBuilderToken(token)).toBeUndefined();
    },
  );
});

test('people read version and target, and the distro where it is another one', () => {
  expect(builderName({ distro: 'openwrt', version: '24.10.4', target: 'x86/64' })).toBe('24.10.4 x86/64');
  expect(builderName({ distro: 'other', version: 'SNAPSHOT', target: 'x86/64' })).toBe(
    'other SNAPSHOT x86/64',
  );
});

test('what people read names the builder again', () => {
  fc.assert(
    fc.property(builders, (builder) => {
      expect(parseBuilderName(builderName(builder))).toEqual(builder);
    }),
  );
});

test.each(['', '24.10.4', '24.10.4 x86', '24.10.4  x86/64', 'a b 24.10.4 x86/64', 'x86/64 24.10.4'])(
  '%j names no builder',
  (name) => expect(parseBuilderName(name)).toBeUndefined(),
);

test('a target lies below the folder of its version', () => {
  expect(targetPath({ versionPath: 'releases/24.10.4', target: 'x86/64' })).toBe(
    'releases/24.10.4/targets/x86/64',
  );
});

describe('the archive in sha256sums', () => {
  const digest = 'ab'.repeat(32);
  const builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };
  const find = (names: readonly string[], wanted: Builder = builder) =>
    findArchive(names.map((name) => `${digest} *${name}\n`).join(''), wanted)?.name;

  test.each([
    ['24.10.4', 'openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst'],
    ['23.05.5', 'openwrt-imagebuilder-23.05.5-x86-64.Linux-x86_64.tar.xz'],
    ['SNAPSHOT', 'openwrt-imagebuilder-x86-64.Linux-x86_64.tar.zst'],
    ['24.10-SNAPSHOT', 'openwrt-imagebuilder-24.10-SNAPSHOT-x86-64.Linux-x86_64.tar.zst'],
  ])('of %s is found under the name it has there, %s', (version, name) => {
    const names = ['openwrt-sdk-x86-64.Linux-x86_64.tar.zst', name, 'kernel-debug.tar.zst'];
    expect(find(names, { ...builder, version })).toBe(name);
  });

  test.each([
    'openwrt-imagebuilder-24.10.3-x86-64.Linux-x86_64.tar.zst',
    'openwrt-imagebuilder-24.10.4-x86-legacy.Linux-x86_64.tar.zst',
    'openwrt-imagebuilder-24.10.4-x86-64.Linux-aarch64.tar.zst',
    'openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst.sig',
    'openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.',
    '../openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst',
    'openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar./../x',
  ])('is not %s', (name) => {
    expect(find([name])).toBeUndefined();
  });

  test('comes with its digest, in binary and in text mode, with either line end', () => {
    const name = 'openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst';
    for (const line of [`${digest} *${name}`, `${digest}  ${name}`, `${digest} *${name}\r`]) {
      expect(findArchive(`garbage\n${line}\n`, builder)).toEqual({ name, digest });
    }
    expect(findArchive(`${digest.toUpperCase()} *${name}`, builder)).toBeUndefined();
    expect(findArchive(`${digest.slice(1)} *${name}`, builder)).toBeUndefined();
  });
});

test.each(['../x=1=y=z', 'a=b=c', 'a=b=c=d=e', 'openwrt=24.10=x86=64', ''])(
  '%j is no token of a builder',
  (token) => {
    expect(parseBuilderToken(token)).toBeUndefined();
  },
);
