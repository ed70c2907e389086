import { expect, test } from 'vitest';
import { Places } from './places.ts';

test('a holder has as many places as it may, and those it gives back again', () => {
  const places = new Places(2);
  const first = places.take('one');
  places.take('one');
  expect(() => places.take('one')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  places.take('other');
  first[Symbol.dispose]();
  places.take('one');
  expect(() => places.take('one')).toThrow('2 uploads of one are under way already');
});

test('all holders together have as many places as there are', () => {
  const places = new Places(2, 3);
  const held = ['one', 'one', 'two'].map((holder) => places.take(holder));
  expect(() => places.take('three')).toThrow('3 uploads are under way here already');
  held[2]?.[Symbol.dispose]();
  places.take('three');
});

test('a place that is refused is not counted, and one given back twice is given back once', () => {
  const places = new Places(1, 2);
  const first = places.take('one');
  expect(() => places.take('one')).toThrow();
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  places.take('one');
  places.take('two');
  expect(() => places.take('three')).toThrow();
});
