import { expect, test } from 'vitest';
import { checkManifest } from './check-manifest.ts';

const manifest = { tmux: '3.5a-r1', 'kmod-x': '6.6.110.2025.02.14~e5fef138-r1' };

test('a manifest that shows every version asked for passes', () => {
  expect(checkManifest(manifest, { 'kmod-x': '6.6.110.2025.02.14~e5fef138-r1' })).toBeUndefined();
  expect(checkManifest(manifest, {})).toBeUndefined();
});

test.each(['vim', 'toString'])('%s is not in the manifest', (name) => {
  expect(checkManifest(manifest, { tmux: '3.5a-r1', [name]: '9' })).toEqual({
    failure: 'package_selection',
    reason: `Impossible package selection: ${name} not in manifest`,
  });
});

test('another version names what was wanted, then what is there', () => {
  expect(checkManifest(manifest, { tmux: '3.5a-r2' })).toEqual({
    failure: 'package_version',
    reason: 'Impossible package selection: tmux version not as requested: 3.5a-r2 vs. 3.5a-r1',
  });
});
