import { describe, expect, test } from 'vitest';
import { agent, farm, token, waiting } from './small-farm.test.support.ts';
import { wantedCapacity, wantedCopies } from './wanted.ts';

describe('wanted warm copies', () => {
  test('are one for little demand, more the busier it keeps them, none for nothing', () => {
    const copies = wantedCopies(farm([agent('x', [])], [], { a: 0.1, b: 100, c: 0 }));
    expect(copies.get(token('a'))).toBe(1);
    expect(copies.get(token('b'))).toBeGreaterThan(2);
    expect(copies.has(token('c'))).toBe(false);
  });

  test('are one of what is pinned', () => {
    const view = farm([], [], {}, { pinned: new Set([token('a')]) });
    expect([...wantedCopies(view)]).toEqual([[token('a'), 1]]);
  });

  test('are what lets waiting builds begin in time, never more than there are agents', () => {
    const agents = [agent('x', []), agent('y', [])];
    // 300 s, two slots a copy, 100 s a build: a copy begins six in time.
    expect(wantedCopies(farm(agents, [waiting('a', 6)])).get(token('a'))).toBe(1);
    expect(wantedCopies(farm(agents, [waiting('a', 7)])).get(token('a'))).toBe(2);
    expect(wantedCopies(farm(agents, [waiting('a', 700)])).get(token('a'))).toBe(2);
  });
});

describe('wanted capacity', () => {
  test('is what runs and what lets waiting builds begin in time', () => {
    const view = farm([agent('x', ['a'], { running: [token('a')] })], [waiting('a', 30)]);
    expect(wantedCapacity(view)).toMatchObject({ slots: 11, missingCopies: 0 });
  });

  test('tells how many copies have no place yet', () => {
    const view = farm([agent('x', ['a'])], [], { a: 1, b: 1, c: 1 });
    expect(wantedCapacity(view).missingCopies).toBe(2);
  });

  test('is nothing for an idle farm nobody asks', () => {
    expect(wantedCapacity(farm([agent('x', [])]))).toMatchObject({ slots: 0, missingCopies: 0 });
  });
});
