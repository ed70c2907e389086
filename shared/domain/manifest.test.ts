import { expect, test } from 'vitest';
import { parseManifest } from './manifest.ts';

test('each line gives a package and its version, which may hold dashes', () => {
  const text = 'base-files - 1663~29397011cc\nkmod-mt7915e - 6.6.110.2025.02.14~e5fef138-r1\nodd - 1 - 2\n';
  expect(parseManifest(text)).toEqual({
    'base-files': '1663~29397011cc',
    'kmod-mt7915e': '6.6.110.2025.02.14~e5fef138-r1',
    odd: '1 - 2',
  });
});

test('either line end is taken, and lines that are none of a manifest are passed over', () => {
  expect(parseManifest('make[1]: Entering directory\nvim - 9.1\r\n - 1\n\ntrailing -\n')).toEqual({
    vim: '9.1',
  });
  expect(parseManifest('')).toEqual({});
});
