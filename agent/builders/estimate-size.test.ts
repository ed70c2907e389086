import { expect, test } from 'vitest';
import { estimateSizeBytes } from './estimate-size.ts';

const MIB = 1024 ** 2;

test('a builder that was here before is expected to take what it took', () => {
  expect(estimateSizeBytes(700 * MIB, 50 * MIB, [])).toBe(700 * MIB);
});

test('any other is expected to grow as the worst of those unpacked here did', () => {
  const unpacked = [
    { sizeBytes: 500, archiveBytes: 100 },
    { sizeBytes: 600, archiveBytes: 100 },
    { sizeBytes: 9000 },
  ];
  expect(estimateSizeBytes(undefined, 50, unpacked)).toBe(300);
});

test('the first one is expected to grow eightfold, and to be large when upstream does not say', () => {
  expect(estimateSizeBytes(undefined, 50 * MIB, [])).toBe(400 * MIB);
  expect(estimateSizeBytes(undefined, undefined, [])).toBe(1200 * MIB);
});
