import { expect, test } from 'vitest';
import { shippedOpenWrt } from './branches.ts';
import { isLasting, sumsOf } from './freshness.ts';

test.each([
  ['releases/24.10.4/targets/x86/64/profiles.json', true],
  ['releases/25.12.0-rc2/targets/x86/64/kmods/6.12/index.json', true],
  ['releases/24.10.4/targets/x86/64/packages/Packages', true],
  ['releases/24.10.4/targets/x86/64/sha256sums', false],
  ['releases/24.10.4/packages/x86_64/luci/index.json', false],
  ['releases/24.10.4/.targets.json', false],
  ['releases/24.10-SNAPSHOT/targets/x86/64/profiles.json', false],
  ['snapshots/targets/x86/64/profiles.json', false],
  ['.versions.json', false],
])('%s stays as it is: %s', (path, lasts) => {
  expect(isLasting(path, shippedOpenWrt())).toBe(lasts);
});

test('the sums of a document are those of its target', () => {
  expect(sumsOf('releases/24.10.4/targets/x86/64/kmods/6.6/index.json')).toBe(
    'releases/24.10.4/targets/x86/64/sha256sums',
  );
  expect(sumsOf('releases/24.10.4/packages/x86_64/feeds.conf')).toBeUndefined();
});
