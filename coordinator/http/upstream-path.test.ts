import { expect, test } from 'vitest';
import { parseUpstreamPath } from './upstream-path.ts';

test.each([
  [
    'v1/releases/24.10.4/targets/x86/64/index.json',
    { kind: 'target index', folder: 'releases/24.10.4', target: 'x86/64' },
  ],
  [
    'v1/snapshots/packages/x86_64-index.json',
    { kind: 'architecture index', folder: 'snapshots', architecture: 'x86_64' },
  ],
  [
    'snapshots/targets/ath79/generic/tplink_archer-c7-v5.json',
    {
      ...{ kind: 'profile', isOf2021: true, folder: 'snapshots', target: 'ath79/generic' },
      profile: 'tplink_archer-c7-v5',
    },
  ],
  [
    'v1/snapshots/targets/x86/64/generic.json',
    { kind: 'profile', isOf2021: false, folder: 'snapshots', target: 'x86/64', profile: 'generic' },
  ],
  ['v1/releases/24.10.4/targets/x86/index.json', undefined],
  ['v1/targets/x86/64/index.json', undefined],
  ['v1/releases/24.10.4/packages/x86_64.json', undefined],
  ['v1/releases/24.10.4/packages/base/x86_64-index.json', undefined],
  ['v1', undefined],
])('%s', (path, asked) => {
  expect(parseUpstreamPath(path)).toEqual(asked);
});
