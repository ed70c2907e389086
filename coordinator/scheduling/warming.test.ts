import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agent, farm, GB, pinned, STALE, token, waiting } from './small-farm.test.support.ts';
import { fetchFor, planFetches } from './warming.ts';

const limits = { maxFetches: 4, maxAhead: 2 };
const busy = { running: [token('h'), token('h')] };
const planned = (...args: Parameters<typeof planFetches>): readonly string[] =>
  planFetches(...args).map(({ agentId, builder, reason }) => `${agentId} ${builder.split('=')[2]} ${reason}`);

describe('for builds that wait', () => {
  test('a builder nobody has is fetched at once, by one agent, the idle one first', () => {
    const agents = [agent('x', [], busy), agent('y', []), agent('z', [])];
    expect(planned(farm(agents, [waiting('a', 1)]), limits)).toEqual(['y a nobody']);
    expect(planned(farm(agents.slice(0, 1), [waiting('a', 1)]), limits)).toEqual(['x a nobody']);
  });

  test('nobody fetches it as well while one does, as long as that is enough', () => {
    const agents = [agent('x', [], { warming: [pinned('a')] }), agent('y', [])];
    expect(planned(farm(agents, [waiting('a', 2)]), limits)).toEqual([]);
  });

  test('another one fetches it when waiting for those who have it takes longer than that', () => {
    const agents = [agent('x', ['a'], busy), agent('y', [])];
    // Two slots, 100 s a build: the last of n begins after n × 50 s; a fetch takes 200 s.
    expect(planned(farm(agents, [waiting('a', 4)]), limits)).toEqual([]);
    expect(planned(farm(agents, [waiting('a', 5)]), limits)).toEqual(['y a busy']);
  });

  test('but not on an agent that is slower at it than the wait', () => {
    const view = farm([agent('x', ['a'], busy), agent('y', [])], [waiting('a', 5)]);
    const slow = { ...view.timings, fetchFactor: new Map([['y', 2]]) };
    expect(planned({ ...view, timings: slow }, limits)).toEqual([]);
  });

  test('nor by one that has something to do which comes first', () => {
    const agents = [agent('x', ['a'], busy), agent('y', ['b'], busy)];
    const sets = [waiting('a', 9, { firstScore: 20 }), waiting('b', 1, { firstScore: 10 })];
    expect(planned(farm(agents, sets), limits)).toEqual([]);
    const later = [waiting('a', 9, { firstScore: 20 }), waiting('b', 1, { firstScore: 30 })];
    expect(planned(farm(agents, later), limits)).toEqual(['y a busy']);
  });

  test.each([
    ['drains', { draining: true }],
    ['is fetching another one', { warming: [pinned('b')] }],
    ['failed at it lately', { paused: [token('a')] }],
    ['was told other targets', { accepts: { targets: ['b/*'] } }],
    ['has no room it may make', { running: [token('b'), token('c')], warm: [pinned('b'), pinned('c')] }],
  ])('no agent is asked that %s', (_why, with_) => {
    expect(planned(farm([agent('x', [], with_)], [waiting('a', 1)]), limits)).toEqual([]);
  });

  test('nobody who has the bytes that others wait for gives them up for new ones', () => {
    const old = [{ ...pinned('a', STALE), sizeBytes: GB }];
    const sets = [waiting('a', 1, { firstScore: 9 }), waiting('a', 1, pinned('a', STALE))];
    const agents = [agent('x', [], { ...busy, warm: old })];
    expect(planned(farm(agents, sets), limits)).toEqual([]);
    expect(planned(farm(agents, sets.slice(0, 1)), limits)).toEqual(['x a nobody']);
    const both = [...agents, agent('y', [], { ...busy, warm: old })];
    expect(planned(farm(both, sets), limits)).toEqual(['x a nobody']);
  });

  test('what comes first in fair order is fetched first when fetches are few', () => {
    const sets = [waiting('a', 1, { firstScore: 9 }), waiting('b', 1, { firstScore: 3 })];
    const few = { maxFetches: 1, maxAhead: 0 };
    expect(planned(farm([agent('x', []), agent('y', [])], sets), few)).toEqual(['x b nobody']);
  });
});

describe('ahead of need', () => {
  test('the most wanted builders are fetched into room that is there', () => {
    const view = farm([agent('x', []), agent('y', [])], [], { a: 5, b: 9, c: 0.001 });
    expect(planned(view, limits)).toEqual(['x b demand', 'y a demand']);
  });

  test('only by agents with nothing to do', () => {
    expect(planned(farm([agent('x', [], busy)], [], { a: 5 }), limits)).toEqual([]);
  });

  test('what is wanted clearly more displaces what is wanted less, never the other way round', () => {
    const one = agent('x', ['a'], { diskBudgetBytes: GB });
    const [fetch] = planFetches(farm([one], [], { a: 1, b: 9 }), limits);
    expect(fetch?.evict.map(({ builder }) => builder)).toEqual([token('a')]);
    expect(planned(farm([one], [], { a: 9, b: 9.5 }), limits)).toEqual([]);
  });

  test('a pinned builder is warm somewhere before all others', () => {
    const view = farm([agent('x', [])], [], { b: 9 }, { pinned: new Set([token('a')]) });
    expect(planned(view, { maxFetches: 4, maxAhead: 1 })).toEqual(['x a pinned']);
  });

  test('new bytes are fetched by who has the old ones', () => {
    const agents = [agent('x', []), agent('y', [], { warm: [{ ...pinned('a', STALE), sizeBytes: GB }] })];
    expect(planned(farm(agents, [], { a: 1 }), limits)[0]).toBe('y a refresh');
  });

  test('fetches for builds that wait leave none for it when there are few', () => {
    const view = farm([agent('x', []), agent('y', [])], [waiting('a', 1)], { b: 9 });
    expect(planned(view, { maxFetches: 4, maxAhead: 1 })).toEqual(['x a nobody']);
  });
});

test('a plan keeps the limits and what builds wait for, gives each agent one fetch, and no builder more than needed', () => {
  const names = [...'abcdef'];
  const anAgent = fc.record({
    warm: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }),
    running: fc.array(fc.constantFrom('h', 'g'), { maxLength: 2 }),
  });
  const aSet = fc.record({
    name: fc.constantFrom(...names),
    count: fc.integer({ min: 1, max: 40 }),
    score: fc.nat(99),
  });
  fc.assert(
    fc.property(
      fc.array(anAgent, { maxLength: 8 }),
      fc.uniqueArray(aSet, { selector: ({ name }) => name }),
      (some, sets) => {
        const agents = some.map(({ warm, running }, at) =>
          agent(`agent-${at}`, warm, { running: running.map(token) }),
        );
        const view = farm(
          agents,
          sets.map(({ name, count, score }) => waiting(name, count, { firstScore: score })),
          { a: 3, d: 2 },
        );
        const plan = planFetches(view, limits);
        expect(plan.length).toBeLessThanOrEqual(limits.maxFetches);
        expect(new Set(plan.map(({ agentId }) => agentId)).size).toBe(plan.length);
        expect(planFetches(view, limits)).toEqual(plan);
        for (const { builder, agentId, evict, reason } of plan) {
          const one = agents.find((each) => each.agentId === agentId);
          expect(one?.warm.length ?? 0).toBeLessThanOrEqual(1 + evict.length);
          expect(evict.every((gone) => !one?.running.includes(gone.builder))).toBe(true);
          expect(fetchFor({ agentId }, plan)?.builder).toBe(builder);
          if (reason !== 'nobody' && reason !== 'busy') continue;
          const count = sets.find(({ name }) => token(name) === builder)?.count ?? 0;
          expect(plan.filter((each) => each.builder === builder).length).toBeLessThanOrEqual(count);
        }
        const isLeft = (name: string): boolean =>
          agents.some(({ agentId, warm }) => {
            const gone = plan.filter((each) => each.agentId === agentId).flatMap(({ evict }) => evict);
            const isThat = (each: { readonly builder: string }): boolean => each.builder === token(name);
            return warm.some(isThat) && !gone.some(isThat);
          });
        // All these scores are less than two builds of a client apart.
        for (const { name } of sets) expect(isLeft(name)).toBe(some.some(({ warm }) => warm.includes(name)));
      },
    ),
  );
});
