import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SettingsError } from '../../shared/env.ts';
import { branchOf, shippedOpenWrt } from './branches.ts';
import { loadDistributions } from './distributions.ts';

describe('distributions', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wrtfarm-distros-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function file(name: string, changes: Record<string, unknown>): Promise<string> {
    const path = join(folder, name);
    const whole = {
      name: 'mywrt',
      upstream: 'https://mirror.example',
      limits: { maxDefaultsLength: 100, maxRootfsSizeMb: 64 },
      branches: [{ name: '1.0', path: 'releases/{version}', branchOffRevision: 10 }],
      packageChanges: [],
      packageRules: [],
    };
    await writeFile(path, JSON.stringify({ ...whole, ...changes }));
    return path;
  }

  function problemsOf(files: readonly string[]): readonly string[] {
    try {
      loadDistributions(files);
    } catch (thrown) {
      if (thrown instanceof SettingsError) return thrown.problems;
      throw thrown;
    }
    return [];
  }

  test('OpenWrt is always there, with the branches and changes clients are told', () => {
    const openwrt = loadDistributions([]).get('openwrt');
    expect(openwrt?.branches.map(({ name }) => name)).toEqual([
      'SNAPSHOT',
      '25.12',
      '24.10',
      '23.05',
      '22.03',
      '21.02',
    ]);
    expect(openwrt?.branches[0]).toMatchObject({ snapshot: true, path: 'snapshots', enabled: true });
    expect(openwrt?.branches[0]).not.toHaveProperty('branch_off_rev');
    expect(openwrt?.branches[0]?.package_changes).toHaveLength(9);
    expect(openwrt?.branches[2]).toMatchObject({ path_packages: 'DEPRECATED', branch_off_rev: 27990 });
    expect(openwrt?.branches[2]?.package_changes.map(({ source }) => source)).not.toContain('opkg');
    expect(openwrt?.limits).toEqual({ maxDefaultsLength: 20480, maxRootfsSizeMb: 1024 });
  });

  test('one of the product’s is named, further ones are files', async () => {
    const all = loadDistributions(['immortalwrt', await file('mine.json', {})]);
    expect([...all.keys()]).toEqual(['openwrt', 'immortalwrt', 'mywrt']);
    expect(all.get('immortalwrt')?.upstream).toBe('https://downloads.immortalwrt.org');
  });

  test('a file may take OpenWrt’s place', async () => {
    const own = loadDistributions([await file('own.json', { name: 'openwrt' })]).get('openwrt');
    expect(own?.branches.map(({ name }) => name)).toEqual(['1.0']);
  });

  test('everything that is wrong with every file is told at once', async () => {
    const odd = await file('odd.json', { upstream: 'ftp://x', limits: { maxRootfsSizeMb: 0 }, extra: 1 });
    const contradicting = await file('contradicting.json', {
      branches: [
        { name: '1.0', path: 'releases/{version}' },
        { name: '1.0', path: 'releases' },
      ],
      packageRules: [
        { why: 'x', branches: ['2.0'], drop: ['a'] },
        { why: 'x', since: '3.0', rename: { b: 'c-*' } },
      ],
    });
    const problems = problemsOf([odd, join(folder, 'none.json'), contradicting]);
    for (const text of ['/upstream', '/limits', 'none.json', '1.0 is there twice', '/branches/1/path']) {
      expect(problems.join('\n')).toContain(text);
    }
    for (const text of ['no branch 2.0', 'no branch 3.0', 'c-* has a *']) {
      expect(problems.join('\n')).toContain(text);
    }
  });

  test('a disabled branch is not built, and an unknown version is of none', async () => {
    const distribution = loadDistributions([
      await file('mine.json', {
        branches: [
          { name: '2.0', path: 'releases/{version}' },
          { name: '1.0', path: 'releases/{version}', enabled: false },
        ],
      }),
    ]).get('mywrt');
    expect(branchOf('2.0.1', distribution)?.name).toBe('2.0');
    expect(branchOf('1.0.1', distribution)).toBeUndefined();
    expect(branchOf('24.10.4', distribution)).toBeUndefined();
    expect(branchOf('24.10.4')).toBe(shippedOpenWrt().branches[2]);
  });
});
