import { expect, test } from 'vitest';
import { hasCode } from '../shared/errors.ts';
import { Places } from './places.ts';

function isRefused(places: Places, holder: string): boolean {
  try {
    places.take(holder);
    return false;
  } catch (thrown) {
    expect(hasCode(thrown, 'resource_exhausted')).toBe(true);
    return true;
  }
}

test('a holder gets so many, all together get so many, and what is given back is there again', () => {
  const places = new Places({ max: 3, maxPerHolder: 2, what: 'things at once' });
  const first = places.take('a');
  places.take('a');
  expect(isRefused(places, 'a')).toBe(true);
  places.take('b');
  expect([isRefused(places, 'b'), isRefused(places, 'c'), places.count]).toEqual([true, true, 3]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect([places.count, isRefused(places, 'c'), places.count]).toEqual([2, false, 3]);
});

test('who gets none is sent elsewhere where the limits say so', () => {
  const places = new Places({ max: 0, maxPerHolder: 1, what: 'uploads', code: 'unavailable' });
  expect(() => places.take('a')).toThrow(expect.objectContaining({ code: 'unavailable' }));
});
