import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';

function waits(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextMs());
}

test('the bound doubles up to its limit, and half of it is the least', () => {
  const least = new Backoff({ minMs: 100, maxMs: 1_000, random: () => 0 });
  expect(waits(least, 6)).toEqual([50, 100, 200, 400, 500, 500]);
  const most = new Backoff({ minMs: 100, maxMs: 1_000, random: () => 1 - Number.EPSILON });
  expect(waits(most, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
});

test('a success starts over', () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1_000, random: () => 0 });
  waits(backoff, 4);
  backoff.reset();
  expect(backoff.nextMs()).toBe(50);
});

test('every wait lies between half of its bound and the bound, however often it failed', () => {
  const options = fc.record({
    minMs: fc.integer({ min: 1, max: 10_000 }),
    maxMs: fc.integer({ min: 10_000, max: 10_000_000 }),
  });
  fc.assert(
    fc.property(options, fc.integer({ min: 0, max: 2_000 }), ({ minMs, maxMs }, failures) => {
      const backoff = new Backoff({ minMs, maxMs });
      waits(backoff, failures);
      const boundMs = Math.min(maxMs, minMs * 2 ** failures);
      const waitMs = backoff.nextMs();
      expect(waitMs).toBeGreaterThanOrEqual(Math.floor(boundMs / 2));
      expect(waitMs).toBeLessThanOrEqual(boundMs);
    }),
  );
});
