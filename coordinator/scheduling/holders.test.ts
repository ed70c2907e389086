import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AgentView, isUsable } from './farm-view.ts';
import { Holders } from './holders.ts';
import { agent, CURRENT, pinned, STALE } from './small-farm.test.support.ts';

const copy = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(CURRENT, STALE))
  .map(([name, digest]) => pinned(name, digest));
const copies = fc.uniqueArray(copy, {
  maxLength: 3,
  selector: ({ builder, digest }) => `${builder} ${digest}`,
});
const anyAgent = fc
  .record({ id: fc.nat(9), warm: copies, warming: copies, draining: fc.boolean(), isSuspect: fc.boolean() })
  .map(({ id, ...with_ }) => agent(String(id), [], with_));

test('holders are those that asking every agent finds, also once agents have changed', () => {
  const changes = fc.array(fc.tuple(fc.nat(9), anyAgent), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(anyAgent, { maxLength: 6 }), changes, copy, (given, changed, wanted) => {
      const agents = [...given];
      const holders = new Holders(agents);
      for (const [at, by] of changed) {
        const before = agents[at];
        if (!before) continue;
        holders.replace(before, by);
        agents.splice(at, 1);
        agents.push(by);
      }
      const holding = (what: 'warm' | 'warming', isIt: (each: typeof wanted) => boolean): AgentView[] =>
        agents.filter((each) => isUsable(each) && each[what].some(isIt));
      const isWanted = ({ builder, digest }: typeof wanted): boolean =>
        builder === wanted.builder && digest === wanted.digest;
      expect(holders.warm(wanted)).toEqual(holding('warm', isWanted));
      expect(holders.fetching(wanted)).toEqual(holding('warming', isWanted));
      const ofAny = holding('warm', ({ builder }) => builder === wanted.builder);
      expect(new Set(holders.warmOfAny(wanted.builder))).toEqual(new Set(ofAny));
    }),
  );
});
