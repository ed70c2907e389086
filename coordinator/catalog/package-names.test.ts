import { describe, expect, test } from 'vitest';
import { shippedOpenWrt } from './branches.ts';
import { NameTable, nameTableOf } from './package-names.ts';

describe('package names', () => {
  test('a set holds its names and no others, however many there are', () => {
    const table = new NameTable();
    const all = Array.from({ length: 200 }, (_, at) => `package-${at}`);
    const even = all.filter((_name, at) => at % 2 === 0);
    const [whole, half, none] = [table.setOf(all), table.setOf(even), table.setOf([])];
    expect([...whole]).toEqual(all);
    expect([...half].sort()).toEqual([...even].sort());
    expect([whole.size, half.size, none.size]).toEqual([200, 100, 0]);
    for (const [at, name] of all.entries()) expect(half.has(name)).toBe(at % 2 === 0);
    expect([...none]).toEqual([]);
    expect(none.has('package-0')).toBe(false);
    expect(whole.has('another')).toBe(false);
  });

  test('names that come later are not in sets that were made before', () => {
    const table = new NameTable();
    const early = table.setOf(['a']);
    const late = table.setOf(['b', ...Array.from({ length: 100 }, (_, at) => `c${at}`)]);
    expect(early.has('b')).toBe(false);
    expect(early.has('c99')).toBe(false);
    expect(late.has('a')).toBe(false);
    expect(late.has('c99')).toBe(true);
  });

  test('a name said twice counts once, and odd names are names', () => {
    const names = new NameTable().setOf(['a', 'a', '__proto__', 'ü']);
    expect(names.size).toBe(3);
    expect(['a', '__proto__', 'ü'].every((name) => names.has(name))).toBe(true);
  });

  test('a distribution has one table', () => {
    expect(nameTableOf(shippedOpenWrt())).toBe(nameTableOf(shippedOpenWrt()));
  });
});
