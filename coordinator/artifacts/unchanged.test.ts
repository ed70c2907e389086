import { expect, test } from 'vitest';
import { Unchanged } from './unchanged.ts';

test('what is there is unchanged from the first look on, however old it says that it is', () => {
  let now = 5_000;
  const unchanged = new Unchanged(() => now);
  const changes = new Map([['old', 1]]);
  expect(unchanged.longerThan(1_000, changes)).toEqual([]);
  now += 1_000;
  expect(unchanged.longerThan(1_000, changes)).toEqual([]);
  now += 1;
  expect(unchanged.longerThan(1_000, changes)).toEqual(['old']);
});

test('a change begins anew, also one that says it is earlier', () => {
  let now = 0;
  const unchanged = new Unchanged(() => now);
  unchanged.longerThan(1_000, new Map([['file', 9]]));
  now = 2_000;
  expect(unchanged.longerThan(1_000, new Map([['file', 3]]))).toEqual([]);
  now = 4_000;
  expect(unchanged.longerThan(1_000, new Map([['file', 3]]))).toEqual(['file']);
});

test('what was gone in between is new', () => {
  let now = 0;
  const unchanged = new Unchanged(() => now);
  const changes = new Map([['file', 9]]);
  unchanged.longerThan(1_000, changes);
  unchanged.longerThan(1_000, new Map());
  now = 2_000;
  expect(unchanged.longerThan(1_000, changes)).toEqual([]);
});
