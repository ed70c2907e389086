import { expect, test } from 'vitest';
import type { Builder } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import { BuilderControl, type BuilderControlDependencies } from './builder-control.ts';

const X86: Builder = { distro: 'openwrt', version: '24.10.4', target: 'x86/64' };

/** A farm whose upstream offers x86/64 and has built no ImageBuilder of `x86/geode` yet. */
function controlOf(pins: Set<string>): BuilderControl {
  const catalog: BuilderControlDependencies['catalog'] = {
    distros: ['openwrt', 'otherwrt'],
    hasVersion: async (version) => version === '24.10.4',
    versionsByBranch: async () => new Map([['24.10', ['24.10.4', '24.10-SNAPSHOT']]]),
    hasTarget: async ({ target }) => target.startsWith('x86/'),
    targets: async () => ['x86/64', 'x86/geode'],
    currentSource: async (builder) => {
      if (builder.target === 'x86/64')
        return { ...builder, versionPath: 'releases/24.10.4', digest: 'd'.repeat(64) };
      throw new FarmError('not_found', 'upstream has no ImageBuilder');
    },
  };
  const pinned: BuilderControlDependencies['pinned'] = {
    pin: async (builder) => !pins.has(builder) && Boolean(pins.add(builder)),
    unpin: async (builder) => pins.delete(builder),
  };
  return new BuilderControl({ catalog, pinned, farm: { forget: () => undefined }, log: silentLog });
}

test('a builder is pinned once and unpinned once, and each may be said again', async () => {
  const pins = new Set<string>();
  const control = controlOf(pins);
  expect([await control.pin(X86), await control.pin(X86)]).toEqual([false, true]);
  expect(await control.pin({ ...X86, distro: 'otherwrt' })).toBe(false);
  expect([...pins]).toEqual(['openwrt=24_10_4=x86=64', 'otherwrt=24_10_4=x86=64']);
  expect([await control.unpin(X86), await control.unpin(X86)]).toEqual([true, false]);
});

test('what upstream offers no longer can be unpinned', async () => {
  const control = controlOf(new Set(['openwrt=19_07_1=x86=64']));
  expect(await control.unpin({ ...X86, version: '19.07.1' })).toBe(true);
});

test.each([
  [{ distro: 'debian' }, 'This farm does not build the distribution debian'],
  [{ distro: 'otherwtr' }, 'This farm does not build the distribution otherwtr; did you mean otherwrt?'],
  [{ version: '24.10.5' }, 'Upstream has no version 24.10.5; did you mean 24.10.4?'],
  [{ version: '1.0' }, 'Upstream has no version 1.0'],
  [{ target: 'x68/64' }, 'Upstream has no target x68/64 of 24.10.4; did you mean x86/64?'],
  [{ target: 'x86/geode' }, 'upstream has no ImageBuilder'],
])('%j is not there to be pinned, and the reason is told', async (change, message) => {
  const pins = new Set<string>();
  await expect(controlOf(pins).pin({ ...X86, ...change })).rejects.toMatchObject({
    code: 'not_found',
    message,
  });
  expect(pins.size).toBe(0);
});
