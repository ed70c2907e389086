import { expect, test } from 'vitest';
import { doesAccept } from './accepts.ts';

const builder = { distro: 'openwrt', version: '24.10.4', target: 'ath79/generic' };

test.each([
  [undefined, true],
  [{}, true],
  [{ targets: ['ath79/generic'] }, true],
  [{ targets: ['x86/64', 'ath79/*'] }, true],
  [{ targets: ['ath79/gen'] }, false],
  [{ targets: ['*'] }, true],
  [{ versions: ['24.10.*'] }, true],
  [{ versions: ['SNAPSHOT'] }, false],
  [{ targets: ['ath79/*'], versions: ['25.12.*'] }, false],
])('%j takes 24.10.4 ath79/generic: %s', (accepts, expected) => {
  expect(doesAccept(accepts, builder)).toBe(expected);
});
