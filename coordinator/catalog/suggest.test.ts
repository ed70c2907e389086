import fc from 'fast-check';
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

  test('finds what looking at every candidate in full finds', () => {
    const property = fc.property(name, fc.array(name, { maxLength: 30 }), fc.nat(), (near, others, at) => {
      const typed = withEdit(withEdit(near, at), at >> 8);
      const candidates = [...others, near];
      expect(suggest(typed, candidates)).toBe(plainSuggest(typed, candidates));
      for (const limit of [0, 1, 2, 3]) {
        const edits = plainDistance(typed, near);
        expect(editDistance(typed, near, limit)).toBe(edits > limit ? undefined : edits);
      }
    });
    fc.assert(property, { numRuns: 5_000 });
  });
});

/** Of few letters, so that many are near each other; `1` and `q` count as one where letters are compared fast. */
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '1', 'q'), maxLength: 9 });

/** The text with one letter left out, doubled, replaced or swapped with the next; `which` says where and how. */
function withEdit(text: string, which: number): string {
  const at = (which >> 2) % (text.length + 1);
  const [before, letter, next, rest] = [
    text.slice(0, at),
    text[at] ?? '',
    text[at + 1] ?? '',
    text.slice(at + 2),
  ];
  const edited = [next, letter + letter + next, `x${next}`, next + letter];
  return before + edited[which & 3] + rest;
}

/** What `suggest` promises, as plainly as it can be said. */
function plainSuggest(typed: string, candidates: readonly string[]): string | undefined {
  const limit = typed.length > 5 ? 2 : 1;
  const near = candidates
    .map((candidate) => ({ candidate, distance: plainDistance(typed, candidate) }))
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance || (left.candidate < right.candidate ? -1 : 1));
  return near[0]?.candidate;
}

function plainDistance(from: string, to: string): number {
  const table = Array.from({ length: from.length + 1 }, (_row, row) =>
    Array.from({ length: to.length + 1 }, (_column, column) => (row === 0 ? column : row)),
  );
  const cell = (row: number, column: number): number => table[row]?.[column] ?? 0;
  for (let row = 1; row <= from.length; row += 1) {
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const edits = [
        cell(row - 1, column) + 1,
        cell(row, column - 1) + 1,
        cell(row - 1, column - 1) + Number(!isSame),
      ];
      if (isSwap) edits.push(cell(row - 2, column - 2) + 1);
      table[row]?.splice(column, 1, Math.min(...edits));
    }
  }
  return cell(from.length, to.length);
}
