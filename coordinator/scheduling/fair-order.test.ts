import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BUILD_COST,
  orderAtSubmit,
  type PriorityClass,
  scoreAtReturn,
  virtualTimeAfterClaim,
} from './fair-order.ts';

interface Entry {
  readonly client: string;
  readonly priority: PriorityClass;
  readonly set: number;
  readonly score: number;
  readonly startTag: number;
  readonly at: number;
}

/** The state as Redis has it, in the plainest way. */
class Model {
  virtualTime = 0;
  waiting: Entry[] = [];
  readonly tags = new Map<string, number>();
  #count = 0;

  submit(client: string, priority: PriorityClass = 'device', set = 0): Entry {
    const key = `${priority}:${client}`;
    const order = orderAtSubmit({ virtualTime: this.virtualTime, clientTag: this.tags.get(key) }, priority);
    this.virtualTime = order.virtualTime;
    this.tags.set(key, order.finishTag);
    const entry = { client, priority, set, at: this.#count++, score: order.score, startTag: order.startTag };
    this.waiting.push(entry);
    return entry;
  }

  claim(set?: number): Entry | undefined {
    const [first] = this.waiting
      .filter((entry) => set === undefined || entry.set === set)
      .sort((left, right) => left.score - right.score);
    if (!first) return undefined;
    this.virtualTime = virtualTimeAfterClaim(this.virtualTime, {
      count: this.waiting.length,
      smallestStartTag: Math.min(...this.waiting.map(({ startTag }) => startTag)),
    });
    this.waiting = this.waiting.filter((entry) => entry !== first);
    if (!this.waiting.some(({ client, priority }) => client === first.client && priority === first.priority))
      this.tags.delete(`${first.priority}:${first.client}`);
    return first;
  }

  /** How many are claimed before this one, if nobody else comes. */
  claimsUntil(wanted: Entry): Entry[] {
    const before: Entry[] = [];
    for (let next = this.claim(wanted.set); next && next !== wanted; next = this.claim(wanted.set))
      before.push(next);
    return before;
  }
}

describe('fair order', () => {
  test('clients with nothing waiting are served first come first served', () => {
    const model = new Model();
    const scores = ['ann', 'ben', 'cem'].map((client) => model.submit(client).score);
    expect(scores).toEqual([...scores].sort((left, right) => left - right));
    expect(new Set(scores).size).toBe(3);
  });

  test('one client is served in the order of its requests', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ann', 'ben', 'claim'), { maxLength: 60 }), (steps) => {
        const model = new Model();
        const served: Entry[] = [];
        const claim = (): void => {
          const entry = model.claim();
          if (entry) served.push(entry);
        };
        for (const step of steps) step === 'claim' ? claim() : model.submit(step);
        while (model.waiting.length > 0) claim();
        for (const client of ['ann', 'ben']) {
          const order = served.filter((entry) => entry.client === client).map(({ at }) => at);
          expect(order).toEqual([...order].sort((left, right) => left - right));
        }
      }),
    );
  });

  test('who comes while a client has 5,000 waiting is behind at most two of them, however many were served', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), (servedCount) => {
        const model = new Model();
        for (let at = 0; at < 5_000; at += 1) model.submit('flooder');
        for (let at = 0; at < servedCount; at += 1) model.claim();
        expect(model.claimsUntil(model.submit('ann')).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 5 },
    );
  });

  test('also when one set is served slower than the others', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 150 }), (claims) => {
        const model = new Model();
        for (let at = 0; at < 600; at += 1) model.submit('flooder', 'device', at % 4);
        for (const set of claims) model.claim(set);
        expect(model.claimsUntil(model.submit('ann', 'device', 0)).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 20 },
    );
  });

  test('two clients with much waiting take turns', () => {
    const model = new Model();
    for (let at = 0; at < 50; at += 1) model.submit('ann');
    for (let at = 0; at < 50; at += 1) model.submit('ben');
    const served = Array.from({ length: 40 }, () => model.claim()?.client);
    expect(served.filter((client) => client === 'ben').length).toBeGreaterThanOrEqual(19);
    expect(served.filter((client) => client === 'ann').length).toBeGreaterThanOrEqual(19);
  });

  test('a heavier client gets as much more', () => {
    const one = orderAtSubmit({ virtualTime: 0, clientTag: undefined }, 'device');
    const two = orderAtSubmit({ virtualTime: 0, clientTag: undefined }, 'device', 2);
    expect((one.finishTag - one.startTag) / (two.finishTag - two.startTag)).toBe(2);
  });

  test('a device passes a script that waits, and a script passes a device that has four waiting', () => {
    const model = new Model();
    const script = model.submit('script', 'bulk');
    expect(model.submit('ann').score).toBeLessThan(script.score);
    const devices = Array.from({ length: 6 }, () => model.submit('ben'));
    expect(devices[3]?.score).toBeLessThan(script.score);
    expect(devices[5]?.score).toBeGreaterThan(script.score);
  });

  test('a script is served although new devices never cease to come', () => {
    const model = new Model();
    const script = model.submit('script', 'bulk');
    let claims = 0;
    for (let claimed: Entry | undefined; claimed !== script; claims += 1) {
      model.submit(`once-${claims}`);
      claimed = model.claim();
      expect(claims).toBeLessThan(100);
    }
  });

  test('a build nobody can serve does not hold up who has two waiting', () => {
    const model = new Model();
    model.submit('stuck', 'device', 9);
    model.submit('ann');
    const second = model.submit('ann');
    let claims = 0;
    for (let claimed: Entry | undefined; claimed !== second; claims += 1) {
      model.submit(`once-${claims}`);
      claimed = model.claim(0);
      expect(claims).toBeLessThan(100);
    }
  });

  test('a build that comes back is behind nobody who comes later', () => {
    expect(scoreAtReturn(50 * BUILD_COST, 3 * BUILD_COST)).toBe(3 * BUILD_COST);
    expect(scoreAtReturn(2, 3 * BUILD_COST)).toBe(2);
  });

  test('scores stay whole numbers that a double holds', () => {
    const far = 2 ** 53 - 16 * BUILD_COST;
    const { score, finishTag } = orderAtSubmit({ virtualTime: far, clientTag: far + BUILD_COST }, 'bulk', 3);
    expect(Number.isSafeInteger(score) && Number.isSafeInteger(finishTag)).toBe(true);
    expect(Number.isSafeInteger(virtualTimeAfterClaim(far, { count: 7, smallestStartTag: 1 }))).toBe(true);
  });
});
