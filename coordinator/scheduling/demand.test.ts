import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countRequest, type Demand, demandAt, HALF_LIFE_MS, rankByDemand, ratePerMs } from './demand.ts';
import { expectedDemand } from './new-release.ts';

test('a request counts half after a week', () => {
  expect(demandAt(countRequest(undefined, 0), HALF_LIFE_MS)).toBeCloseTo(0.5);
  expect(countRequest(countRequest(undefined, 0), HALF_LIFE_MS).count).toBeCloseTo(1.5);
});

test('counting one by one is the sum of what each counts', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 * HALF_LIFE_MS }), { minLength: 1 }), (times) => {
      const sorted = [...times].sort((left, right) => left - right);
      const last = sorted.at(-1) ?? 0;
      let demand: Demand | undefined;
      for (const at of sorted) demand = countRequest(demand, at);
      const sum = sorted.reduce((total, at) => total + 2 ** (-(last - at) / HALF_LIFE_MS), 0);
      expect(demand?.count).toBeCloseTo(sum);
    }),
  );
});

test('a steady stream is read as its rate', () => {
  let demand: Demand | undefined;
  for (let at = 0; at < 10 * HALF_LIFE_MS; at += HALF_LIFE_MS / 100) demand = countRequest(demand, at);
  expect((demand ? ratePerMs(demand, demand.countedAt) : 0) * HALF_LIFE_MS).toBeCloseTo(100, -1);
});

test('a clock that went back does not let demand grow', () => {
  expect(demandAt({ count: 3, countedAt: 1000 }, 0)).toBe(3);
});

test('the most wanted come first, by what they count now', () => {
  const demands = new Map([
    ['old', { count: 10, countedAt: 0 }],
    ['new', { count: 4, countedAt: 2 * HALF_LIFE_MS }],
    ['also', { count: 4, countedAt: 2 * HALF_LIFE_MS }],
  ]);
  expect(rankByDemand(demands, 2 * HALF_LIFE_MS)).toEqual(['also', 'new', 'old']);
});

test('a new release is expected to be wanted like the one before, where nobody asked yet', () => {
  const demands = new Map([
    ['openwrt=24_10_4=x86=64', { count: 8, countedAt: 0 }],
    ['openwrt=24_10_4=ath79=generic', { count: 6, countedAt: 0 }],
    ['openwrt=24_10_5=ath79=generic', { count: 1, countedAt: 0 }],
  ]);
  const targets = ['x86/64', 'ath79/generic', 'brand/new'];
  const release = { distro: 'openwrt', version: '24.10.5', follows: '24.10.4', targets };
  expect([...expectedDemand(release, demands, HALF_LIFE_MS)]).toEqual([
    ['openwrt=24_10_5=x86=64', { count: 4, countedAt: HALF_LIFE_MS }],
  ]);
});
