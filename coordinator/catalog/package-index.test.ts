import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { parseFeedsConf, parseIndexJson, parsePackages, parsePackagesAdb } from './package-index.ts';
import { parseSha256sums } from './sha256sums.ts';

describe('package indexes', () => {
  test('index.json tells names; without a version it is version 1', () => {
    const index = parseIndexJson(Buffer.from('{"architecture":"x","packages":{"vim":"1"}}'));
    expect(index.version).toBe(1);
    expect([...index.names]).toEqual(['vim']);
    expect(() => parseIndexJson(Buffer.from('[]'))).toThrow();
  });

  test('Packages tells names with and without ABI, and what is provided', () => {
    const text =
      'Package: libncurses6\nVersion: 6.4\nABIVersion: 6\nDescription: x\n  more\n\n' +
      'Package: a\nVersion: 1\nProvides: b, @c-any, d (= 2), e=3\n\n\n';
    expect([...parsePackages(Buffer.from(text))].sort()).toEqual([
      'a',
      'b',
      'c-any',
      'd',
      'e',
      'libncurses',
      'libncurses6',
    ]);
    expect(parsePackages(Buffer.from('\n')).size).toBe(0);
    for (const broken of ['<html>\n<body>', 'Package: a\n', 'Package: a\n\nPackage: b\nVersion: 1\n']) {
      expect(() => parsePackages(Buffer.from(broken))).toThrow();
    }
  });

  test('packages.adb tells whole names only, deflated or not', () => {
    const text = Buffer.from('\x03vim\x0alibubox2024', 'latin1');
    for (const bytes of [
      Buffer.concat([Buffer.from('ADB.'), text]),
      Buffer.concat([Buffer.from('ADBd'), deflateRawSync(text)]),
    ]) {
      const names = parsePackagesAdb(bytes);
      expect(names.has('vim')).toBe(true);
      expect(names.has('libubox2024')).toBe(false);
      expect(names.has('libubox202')).toBe(true);
      expect(names.has('vi')).toBe(false);
    }
    expect(parsePackagesAdb(Buffer.from('Package: vim\nProvides: vi\n')).has('vi')).toBe(true);
    expect(parsePackagesAdb(Buffer.from('Package: vim\n')).has('vi')).toBe(false);
    for (const unreadable of ['<html>', 'ADBc....']) {
      expect(() => parsePackagesAdb(Buffer.from(unreadable))).toThrow();
    }
  });

  test('feeds.conf tells the second word of each line', () => {
    const text = '# comment\n\nsrc-git base https://x\nsrc-git-full luci https://y^1\n';
    expect(parseFeedsConf(Buffer.from(text))).toEqual(['base', 'luci']);
    expect(() => parseFeedsConf(Buffer.from('src-git ../../etc x\n'))).toThrow();
    expect(() => parseFeedsConf(Buffer.from('<html>'))).toThrow();
  });

  test('sums that are cut off or no sums are refused', () => {
    const line = `${'a'.repeat(64)} *openwrt-imagebuilder-x.tar.zst`;
    expect(parseSha256sums(Buffer.from(`${line}\n`))).toContain('zst');
    expect(() => parseSha256sums(Buffer.from(line))).toThrow();
    expect(() => parseSha256sums(Buffer.from('<html>\n'))).toThrow();
  });
});
