import { describe, expect, test } from 'vitest';
import type { FarmView } from './farm-view.ts';
import { type Prospect, Prospects } from './outlook.ts';
import { agent, farm, pinned, STALE, token, waiting } from './small-farm.test.support.ts';

const asked = { ...pinned('a'), lane: 'open' as const };
const prospect = (view: FarmView, maxFetches = 4): Prospect | undefined =>
  new Prospects(view, maxFetches).of(asked);

describe('what a farm has for a waiting build', () => {
  test('is the slots that have its builder warm, and how many of them are free', () => {
    const agents = [
      agent('idle', ['a']),
      agent('busy', ['a'], { running: [token('b'), token('a')] }),
      agent('cold', ['b']),
      agent('yesterday', [], { warm: [pinned('a', STALE)] }),
    ];
    expect(prospect(farm(agents))).toMatchObject({
      warmSlots: 4,
      freeWarmSlots: 2,
      comingSlots: 0,
      buildMs: 100_000,
      fetchMs: 200_000,
    });
  });

  test('is the slots of who fetches it, half of a fetch from now', () => {
    const agents = [agent('fetching', [], { warming: [pinned('a')] })];
    expect(prospect(farm(agents))).toMatchObject({
      warmSlots: 0,
      comingSlots: 2,
      comingInMs: 100_000,
    });
  });

  test('is not to be told where nobody may take it', () => {
    expect(prospect(farm([]))).toBeUndefined();
    expect(prospect(farm([agent('x', ['a'], { draining: true })]))).toBeUndefined();
    expect(prospect(farm([agent('x', ['a'], { accepts: { targets: ['b/*'] } })]))).toBeUndefined();
  });

  test('is shared with the builds of other builders that are warm on the same slots', () => {
    const agents = [agent('both', ['a', 'b']), agent('other', ['b']), agent('third', ['c'])];
    const sets = [waiting('a', 3), waiting('b', 5), waiting('c', 9), waiting('a', 1, { lane: 'trusted' })];
    expect(prospect(farm(agents, sets))?.rivals).toEqual([
      { lane: 'open', builder: token('b'), count: 5, slots: 4, sharedSlots: 2 },
      { lane: 'trusted', builder: token('a'), count: 1, slots: 2, sharedSlots: 2 },
    ]);
  });

  test('comes later where more fetches come before it than there may be at once', () => {
    const sets = [
      waiting('b', 1, { firstScore: 1 }),
      waiting('c', 1, { firstScore: 2 }),
      waiting('a', 1, { firstScore: 3 }),
      waiting('d', 1, { firstScore: 4 }),
    ];
    const fetchMs = (maxFetches: number): number | undefined =>
      prospect(farm([agent('x', [])], sets), maxFetches)?.fetchMs;
    expect([1, 2, 3].map(fetchMs)).toEqual([600_000, 400_000, 200_000]);
  });
});
