import { expect, test } from 'vitest';
import { hasCode } from '../../shared/errors.ts';
import { parseBuilderInfo } from './builder-info.ts';
import { SMALL_INFO } from './small-builder.test.support.ts';

test('revision, target, default packages and profiles are read', () => {
  expect(parseBuilderInfo(SMALL_INFO)).toEqual({
    revision: 'r33051-f5dae5ece4',
    target: 'ath79/generic',
    defaultPackages: ['base-files', 'dnsmasq'],
    profiles: {
      '8dev_carambola2': {
        title: '8devices Carambola2',
        packages: ['kmod-usb-chipidea2'],
        supportedDevices: ['8dev,carambola2', 'carambola2'],
      },
      nameless: { title: '', packages: [], supportedDevices: [] },
    },
  });
});

test('a target without supported devices and with removals is read', () => {
  const info = parseBuilderInfo(
    'Current Target: "x86/64"\nCurrent Architecture: "x86_64"\nCurrent Revision: "r1-abc"\nDefault Packages: a b\n' +
      'Available Profiles:\n\ngeneric:\n    Generic x86/64\n    Packages: kmod-e1000 -b\n    hasImageMetadata: 1\n',
  );
  expect(info.profiles).toEqual({
    generic: { title: 'Generic x86/64', packages: ['kmod-e1000', '-b'], supportedDevices: [] },
  });
});

test.each([
  '',
  SMALL_INFO.replace(/^Current Revision.*\n/m, ''),
  SMALL_INFO.replace('"ath79/generic"', '""'),
  SMALL_INFO.slice(0, SMALL_INFO.indexOf('8dev_')),
])('output that lacks a part is no info', (text) => {
  expect(() => parseBuilderInfo(text)).toThrow(
    expect.toSatisfy((thrown) => hasCode(thrown, 'infrastructure')),
  );
});
