import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BuildOwner, ownerKey } from '../../coordinator/builds/build-owner.ts';
import {
  orderAtSubmit,
  scoreAtReturn,
  virtualTimeAfterClaim,
} from '../../coordinator/scheduling/fair-order.ts';
import type { Lease } from '../../shared/domain/lease.ts';
import { FairFarm, type KeptOrder } from '../support/fair-farm.ts';

interface Entry {
  readonly hash: string;
  readonly owner: string;
  readonly builder: number;
  readonly startTag: number;
  readonly score: number;
}

/** The order by the functions of `fair-order.ts`, kept in the plainest way. */
class Model {
  virtualTime: number;
  waiting: Entry[] = [];
  readonly claimed = new Map<string, Entry>();
  readonly #tags = new Map<string, number>();

  constructor(virtualTime: number) {
    this.virtualTime = virtualTime;
  }

  submit(hash: string, owner: BuildOwner, builder: number): void {
    const key = ownerKey(owner);
    const state = { virtualTime: this.virtualTime, clientTag: this.#tags.get(key) };
    const order = orderAtSubmit(state, owner.priority, owner.weight);
    this.virtualTime = order.virtualTime;
    this.#tags.set(key, order.finishTag);
    this.waiting.push({ hash, owner: key, builder, startTag: order.startTag, score: order.score });
  }

  claim(builder: number): Entry | undefined {
    const [first] = this.of(builder);
    if (!first) return undefined;
    const smallestStartTag = Math.min(...this.waiting.map(({ startTag }) => startTag));
    const waiting = { count: this.waiting.length, smallestStartTag };
    this.virtualTime = virtualTimeAfterClaim(this.virtualTime, waiting);
    this.leave(first.hash);
    this.claimed.set(first.hash, first);
    return first;
  }

  putBack(hash: string): void {
    const entry = this.claimed.get(hash);
    if (!entry) throw new Error('was not claimed');
    this.claimed.delete(hash);
    this.waiting.push({ ...entry, score: scoreAtReturn(entry.score, this.virtualTime) });
  }

  leave(hash: string): void {
    const owner = this.waiting.find((entry) => entry.hash === hash)?.owner ?? '';
    this.waiting = this.waiting.filter((entry) => entry.hash !== hash);
    if (!this.waiting.some((entry) => entry.owner === owner)) this.#tags.delete(owner);
  }

  of(builder: number): readonly Entry[] {
    return inOrder(
      this.waiting.filter((entry) => entry.builder === builder),
      ({ score }) => score,
    );
  }

  kept(): KeptOrder {
    const counts: Record<string, string> = {};
    for (const { owner } of this.waiting) counts[owner] = String(Number(counts[owner] ?? 0) + 1);
    return {
      virtualTime: String(this.virtualTime),
      waitingOrder: asRedis(
        inOrder(this.waiting, ({ startTag }) => startTag),
        ({ startTag }) => startTag,
      ),
      clientTags: Object.fromEntries([...this.#tags].map(([owner, tag]) => [owner, String(tag)])),
      clientWaiting: counts,
    };
  }
}

/** As a sorted set has it: equal scores by name. */
function inOrder(entries: readonly Entry[], by: (entry: Entry) => number): readonly Entry[] {
  return [...entries].sort((left, right) => by(left) - by(right) || (left.hash < right.hash ? -1 : 1));
}

function asRedis(entries: readonly Entry[], by: (entry: Entry) => number): readonly string[] {
  return entries.flatMap((entry) => [entry.hash, String(by(entry))]);
}

const BUILDERS = [0, 1];
const builder = fc.constantFrom(0, 0, 0, 1);
const anyOwner: fc.Arbitrary<BuildOwner> = fc.record({
  priority: fc.constantFrom('device', 'bulk'),
  client: fc.constantFrom('net:a', 'net:b', 'key:c'),
  weight: fc.constantFrom(1, 2, 3, 7, 1024),
});
/** Mostly one: only who has much waiting is ahead of the clock. */
const owner = fc.oneof(
  { weight: 6, arbitrary: fc.constant<BuildOwner>({ priority: 'device', client: 'net:a', weight: 1 }) },
  { weight: 1, arbitrary: anyOwner },
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ does: fc.constant('submit' as const), owner, builder }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('claim' as const), builder }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constantFrom('lose' as const, 'cancel' as const), at: fc.nat() }),
  },
);

let farm: FairFarm;

beforeAll(async () => {
  farm = await FairFarm.start();
});

afterAll(async () => {
  await farm[Symbol.asyncDispose]();
});

test('the scripts keep the very order that the functions tell, whatever comes, is claimed, lost and cancelled', async () => {
  // The second clock has 16 digits: more than Lua writes by itself.
  const clock = fc.constantFrom(0, 2 ** 52);
  await fc.assert(
    fc.asyncProperty(clock, fc.array(step, { maxLength: 40, size: 'max' }), async (virtualTime, steps) => {
      await farm.reset(virtualTime);
      const model = new Model(virtualTime);
      const leases: Lease[] = [];
      for (const each of steps) {
        if (each.does === 'submit') {
          model.submit(await farm.submit(each.owner, each.builder), each.owner, each.builder);
        } else if (each.does === 'claim') {
          const lease = await farm.claim(each.builder);
          expect(lease?.requestHash).toBe(model.claim(each.builder)?.hash);
          if (lease) leases.push(lease);
        } else if (each.does === 'lose') {
          const [lease] = leases.splice(each.at % Math.max(1, leases.length), 1);
          if (!lease) continue;
          expect(await farm.lose(lease)).toBe('queued');
          model.putBack(lease.requestHash);
        } else {
          const entry = model.waiting[each.at % Math.max(1, model.waiting.length)];
          if (!entry) continue;
          await farm.cancel(entry.hash);
          model.leave(entry.hash);
        }
        expect(await farm.kept()).toEqual(model.kept());
      }
      for (const each of BUILDERS)
        expect(await farm.waitingFor(each)).toEqual(asRedis(model.of(each), ({ score }) => score));
    }),
    { numRuns: 40 },
  );
});
