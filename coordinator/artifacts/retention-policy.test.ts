import { expect, test } from 'vitest';
import { buildsToRemove, type KeptBuild, lookEveryMs } from './retention-policy.ts';

const build = (binDir: string, finishedAt: number, changes: Partial<KeptBuild> = {}): KeptBuild => ({
  binDir,
  requestHash: 'hash',
  generation: 'generation',
  finishedAt,
  expiresAt: 1_000_000,
  sizeBytes: 10,
  ...changes,
});

const removed = (builds: readonly KeptBuild[], maxBytes: number, now = 0): string[] =>
  buildsToRemove(builds, { graceMs: 100, maxBytes }, now).map(({ binDir }) => binDir);

test('a build stays until its result has expired and the grace is over', () => {
  const builds = [build('a', 1, { expiresAt: 500 })];
  expect(removed(builds, 0, 599)).toEqual([]);
  expect(removed(builds, 0, 600)).toEqual(['a']);
});

test('beyond the limit the oldest go, and no more than needed', () => {
  expect(removed([build('young', 3), build('old', 1), build('middle', 2)], 20)).toEqual(['old']);
  expect(removed([build('young', 3), build('old', 1), build('middle', 2)], 9)).toEqual([
    'old',
    'middle',
    'young',
  ]);
});

test('what expired makes room first', () => {
  const expired = build('expired', 9, { expiresAt: -500 });
  expect(removed([build('a', 1), expired, build('b', 2)], 20)).toEqual(['expired']);
});

test('without a limit nothing but time removes a build', () => {
  expect(removed([build('a', 1, { sizeBytes: Number.MAX_SAFE_INTEGER })], 0)).toEqual([]);
});

test('the store is looked through as often as something goes, at least each ten minutes and at most each second', () => {
  expect(lookEveryMs([3_000, 60_000], 2_000)).toBe(5_000);
  expect(lookEveryMs([1_800_000, 3_600_000], 86_400_000)).toBe(600_000);
  expect(lookEveryMs([500], 0)).toBe(1_000);
});
