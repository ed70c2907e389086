import { expect, test } from 'vitest';
import { closest } from './suggest.ts';

const known = ['up', 'demo', 'build', 'coordinator', 'agent', 'test'];

test.each([
  ['biuld', 'build'],
  ['dem', 'demo'],
  ['coord', 'coordinator'],
  ['agnet', 'agent'],
  ['pu', undefined],
  ['deploy', undefined],
  ['', undefined],
])('"%s" suggests %s', (given, meant) => {
  expect(closest(given, known)).toBe(meant);
});
