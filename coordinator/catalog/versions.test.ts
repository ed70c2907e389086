import { describe, expect, test } from 'vitest';
import { branchOf, versionPath } from './branches.ts';
import { compareVersions, hasSplitKmods, parseVersions } from './versions.ts';

function parse(json: unknown) {
  return parseVersions(Buffer.from(JSON.stringify(json)));
}

describe('versions', () => {
  test('are ordered by number, candidates after releases, the snapshot last', () => {
    const versions = ['24.10-SNAPSHOT', '24.10.9', '24.10.0-rc10', '24.10.10', '24.10.0-rc2', '24.10.0'];
    expect(versions.sort(compareVersions)).toEqual([
      '24.10.10',
      '24.10.9',
      '24.10.0',
      '24.10.0-rc10',
      '24.10.0-rc2',
      '24.10-SNAPSHOT',
    ]);
  });

  test('latest drops what is blank, doubled or of no branch of ours', () => {
    const versions = parse({
      upcoming_version: '25.12.0-rc2',
      stable_version: '24.10.6',
      oldstable_version: '24.10.6',
      versions_list: [],
    });
    expect(versions.latest).toEqual(['25.12.0-rc2', '24.10.6']);
    expect(parse({ upcoming_version: null, stable_version: '19.07.7', versions_list: [] }).latest).toEqual(
      [],
    );
  });

  test('each branch offers its releases and its snapshot, upcoming included', () => {
    const versions = parse({
      upcoming_version: '25.12.0-rc2',
      versions_list: ['24.10.1', '24.10.10', '19.07.7', '../../etc'],
    });
    expect(versions.byBranch.get('25.12')).toEqual(['25.12.0-rc2', '25.12-SNAPSHOT']);
    expect(versions.byBranch.get('24.10')).toEqual(['24.10.10', '24.10.1', '24.10-SNAPSHOT']);
    expect(versions.byBranch.get('SNAPSHOT')).toEqual(['SNAPSHOT']);
    expect(versions.offered.has('19.07.7')).toBe(false);
  });

  test('anything but upstream’s file is refused', () => {
    expect(() => parse({ versions: [] })).toThrow();
    expect(() => parseVersions(Buffer.from('<html>'))).toThrow();
  });

  test.each([
    ['24.10.4', '24.10', 'releases/24.10.4'],
    ['25.12.0-rc2', '25.12', 'releases/25.12.0-rc2'],
    ['23.05-SNAPSHOT', '23.05', 'releases/23.05-SNAPSHOT'],
    ['SNAPSHOT', 'SNAPSHOT', 'snapshots'],
  ])('%s belongs to branch %s and lies in %s', (version, name, path) => {
    const branch = branchOf(version);
    expect(branch?.name).toBe(name);
    expect(branch && versionPath(branch, version)).toBe(path);
  });

  test('unknown branches are none', () => {
    for (const version of ['19.07.7', '', 'x', '24', '__proto__', 'constructor']) {
      expect(branchOf(version)).toBeUndefined();
    }
  });

  test('a branch tells only the package changes made before it left main', () => {
    const sources = (name: string) => branchOf(name)?.package_changes.map((change) => change.source);
    expect(sources('SNAPSHOT')).toHaveLength(9);
    expect(sources('24.10')).toContain('luci-app-opkg');
    expect(sources('24.10')).not.toContain('opkg');
    expect(sources('22.03')).toEqual(['firewall']);
    expect(sources('21.02')).toEqual([]);
  });

  test.each([
    ['SNAPSHOT', true],
    ['25.12.0', true],
    ['24.10.0', true],
    ['23.05.10', true],
    ['23.05.6', true],
    ['23.05.5', false],
    ['23.05-SNAPSHOT', true],
    ['22.03.7', false],
    ['22.03-SNAPSHOT', false],
  ])('kernel modules of %s are kept apart: %s', (version, isSplit) => {
    expect(hasSplitKmods(version)).toBe(isSplit);
  });
});
