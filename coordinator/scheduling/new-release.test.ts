import { describe, expect, test } from 'vitest';
import { builderToken } from '../../shared/domain/builder.ts';
import { type Demand, HALF_LIFE_MS } from './demand.ts';
import { expectedDemand, followedVersion, newReleases } from './new-release.ts';

const BY_BRANCH = new Map([
  ['SNAPSHOT', ['SNAPSHOT']],
  ['25.12', ['25.12.1', '25.12.0', '25.12-SNAPSHOT']],
  ['24.10', ['24.10.5', '24.10.4', '24.10-SNAPSHOT']],
]);

function demands(...asked: readonly (readonly [version: string, target: string, count: number])[]) {
  return new Map<string, Demand>(
    asked.map(([version, target, count]) => [
      builderToken({ distro: 'openwrt', version, target }),
      { count, countedAt: 0 },
    ]),
  );
}

describe('of the releases of a distribution', () => {
  test('those not seen before are new, snapshots never', () => {
    const fresh = newReleases(BY_BRANCH, new Set(['25.12.0', '24.10.4']));
    expect(fresh.map(({ version }) => version)).toEqual(['25.12.1', '24.10.5']);
    expect(newReleases(BY_BRANCH, new Set([...BY_BRANCH.values()].flat()))).toEqual([]);
  });

  test('each may follow what comes after it, of its branch and then of older ones', () => {
    const [fresh] = newReleases(BY_BRANCH, new Set(['25.12.0', '24.10.5', '24.10.4']));
    expect(fresh?.mayFollow).toEqual(['25.12.0', '24.10.5', '24.10.4']);
  });
});

describe('the version a release follows', () => {
  const release = { version: '25.12.1', mayFollow: ['25.12.0', '24.10.5', '24.10.4'] };

  test('is the nearest that anybody asks for', () => {
    const asked = demands(['24.10.4', 'x86/64', 9], ['24.10.5', 'ath79/generic', 1]);
    expect(followedVersion(release, 'openwrt', asked)).toBe('24.10.5');
  });

  test('is none where nobody asks for an older one of this distribution', () => {
    expect(followedVersion(release, 'openwrt', demands(['25.12.1', 'x86/64', 9]))).toBeUndefined();
    expect(followedVersion(release, 'immortalwrt', demands(['25.12.0', 'x86/64', 9]))).toBeUndefined();
  });
});

test('a release is expected to be asked for as the one before it, target by target, but not twice', () => {
  const asked = demands(
    ['24.10.4', 'x86/64', 8],
    ['24.10.4', 'ath79/generic', 4],
    ['24.10.4', 'ramips/mt7621', 2],
    ['24.10.5', 'ath79/generic', 1],
  );
  const release = { distro: 'openwrt', version: '24.10.5', follows: '24.10.4' };
  const targets = ['x86/64', 'ath79/generic', 'mediatek/filogic'];
  expect(expectedDemand({ ...release, targets }, asked, HALF_LIFE_MS)).toEqual(
    new Map([['openwrt=24_10_5=x86=64', { count: 4, countedAt: HALF_LIFE_MS }]]),
  );
});
