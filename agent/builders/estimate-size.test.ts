import { expect, test } from 'vitest';
import { estimateSizeBytes } from './estimate-size.ts';

const MIB = 1024 ** 2;

test('a builder that was here before is expected to take what it took', () => {
  expect(estimateSizeBytes(700 * MIB, 50 * MIB, [])).toBe(700 * MIB);
});

test('any other is expected to grow as those unpacked here did, taken together', () => {
  const unpacked = [
    { sizeBytes: 500, archiveBytes: 100 },
    { sizeBytes: 2300, archiveBytes: 300 },
    { sizeBytes: 9000 },
  ];
  expect(estimateSizeBytes(undefined, 50, unpacked)).toBe(350);
});

test('the first one is expected to grow sevenfold, and to be large when upstream does not say', () => {
  expect(estimateSizeBytes(undefined, 50 * MIB, [])).toBe(350 * MIB);
  expect(estimateSizeBytes(undefined, undefined, [])).toBe(1050 * MIB);
});
