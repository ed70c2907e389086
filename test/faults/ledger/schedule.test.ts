import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allKinds } from './kinds.ts';
import { exclude, planFaults } from './schedule.ts';

const KINDS = allKinds('bucket');
const FARM = { agents: 4, coordinators: 2 };
const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const durations = fc.integer({ min: 20_000, max: 3_600_000 });

test('every fault occurs in any run, however short, and about as often as any other', () => {
  fc.assert(
    fc.property(seeds, durations, (seed, durationMs) => {
      const planned = planFaults(KINDS, { seed, durationMs, ...FARM });
      const counts = KINDS.map(({ name }) => planned.filter(({ kind }) => kind.name === name).length);
      expect(Math.min(...counts)).toBeGreaterThan(0);
      expect(new Set(counts).size).toBe(1);
    }),
    { numRuns: 30 },
  );
});

test('the same seed plans the same, another seed something else', () => {
  const plan = (seed: number) =>
    planFaults(KINDS, { seed, durationMs: 100_000, ...FARM }).map(({ kind, ...rest }) => ({
      ...rest,
      kind: kind.name,
    }));
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
});

test('while one store is wiped, and ten seconds around it, no other store is touched', () => {
  fc.assert(
    fc.property(seeds, durations, (seed, durationMs) => {
      const planned = planFaults(KINDS, { seed, durationMs, ...FARM });
      for (const wipe of planned.filter(({ kind }) => kind.wipes)) {
        const near = planned.filter(
          ({ atMs, lastsMs }) =>
            atMs < wipe.atMs + wipe.lastsMs + 10_000 && wipe.atMs < atMs + lastsMs + 10_000,
        );
        for (const { kind } of near) expect([undefined, wipe.kind.touches]).toContain(kind.touches);
      }
    }),
    { numRuns: 30 },
  );
});

test('faults strike only whom there is', () => {
  const most = { agents: 4, coordinators: 2, farm: 1 };
  for (const { kind, target } of planFaults(KINDS, { seed: 3, durationMs: 600_000, ...FARM })) {
    expect(target).toBeLessThan(most[kind.targets]);
  }
});

test('a store that is wiped excludes all others, one that is only down excludes none', () => {
  const kind = (name: string) => KINDS.find((each) => each.name === name) ?? KINDS[0];
  const [wiped, down, other] = ['Redis wiped', 'redis-server killed', 'nats-server killed'].map(kind);
  if (!wiped || !down || !other) throw new Error('a fault was renamed');
  expect([exclude(wiped, other), exclude(other, wiped), exclude(down, other)]).toEqual([true, true, false]);
});
