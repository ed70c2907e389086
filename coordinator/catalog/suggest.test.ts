import { describe, expect, test } from 'vitest';
import { editDistance, suggest } from './suggest.ts';

describe('suggest', () => {
  test.each([
    ['tmxu', 'tmux'],
    ['luci-sll', 'luci-ssl'],
    ['luc', 'luci'],
    ['wireguard-tool', 'wireguard-tools'],
  ])('%s may have meant %s', (name, meant) => {
    expect(suggest(name, ['vim', 'tmux', 'luci', 'luci-ssl', 'wireguard-tools'])).toBe(meant);
  });

  test('nothing near is nothing', () => {
    expect(suggest('xyz', ['vim', 'tmux'])).toBeUndefined();
    expect(suggest('', ['vim'])).toBeUndefined();
  });

  test('equally near names are told in one order', () => {
    expect(suggest('ab', ['ac', 'aa'])).toBe('aa');
    expect(suggest('ab', ['aa', 'ac'])).toBe('aa');
  });

  test('a distance above the limit is not told', () => {
    expect(editDistance('kitten', 'sitting', 3)).toBe(3);
    expect(editDistance('kitten', 'sitting', 2)).toBeUndefined();
    expect(editDistance('abcd', 'abdc', 2)).toBe(1);
  });
});
