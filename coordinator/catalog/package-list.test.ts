import { describe, expect, test } from 'vitest';
import { mergeLists, parseIndexJsonList, parsePackagesList } from './package-list.ts';

describe('a list of packages', () => {
  test('of Packages has names without their ABI suffix and the first architecture that is not all', () => {
    const text =
      'Package: luci\nVersion: git-24.1~a\nArchitecture: all\nDescription: a\n Package: no\n\n' +
      'Package: libubox20240329\nABIVersion: 20240329\nVersion: 2024.03.29~eb9bcb64-r1\nArchitecture: mips_24kc\n\n\n';
    expect(JSON.parse(String(parsePackagesList(Buffer.from(text)).json))).toEqual({
      architecture: 'mips_24kc',
      packages: { luci: 'git-24.1~a', libubox: '2024.03.29~eb9bcb64-r1' },
    });
    expect(JSON.parse(String(parsePackagesList(Buffer.from('\n')).json))).toEqual({ packages: {} });
  });

  test.each(['<html>no</html>', 'Package: a\nVersion: 1\n\nPackage: b\n'])('%j is none', (text) => {
    expect(() => parsePackagesList(Buffer.from(text))).toThrow('not a package');
  });

  test('of index.json has no version of its own', () => {
    const list = parseIndexJsonList(
      Buffer.from('{"version":2,"architecture":"x86_64","packages":{"__proto__":"1","a":"2"}}'),
    );
    expect(list.format).toBe(2);
    expect(String(list.json)).toBe('{"architecture":"x86_64","packages":{"__proto__":"1","a":"2"}}');
    expect(() => parseIndexJsonList(Buffer.from('{"packages":{"a":1}}'))).toThrow('/packages/a');
  });

  test('merges with others, later names first, all else from the first', () => {
    const of = (architecture: string, packages: Record<string, string>) =>
      parseIndexJsonList(Buffer.from(JSON.stringify({ architecture, packages })));
    expect(mergeLists([of('x', { a: '1', b: '1' }), of('y', { b: '2' })])).toEqual({
      architecture: 'x',
      packages: { a: '1', b: '2' },
    });
    expect(mergeLists([])).toEqual({ packages: {} });
  });
});
