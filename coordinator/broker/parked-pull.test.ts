import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import type { Grant, Pull } from '../../shared/messages/pull.ts';
import { freeSlots } from '../scheduling/farm-view.ts';
import { type Orders, ParkedPull } from './parked-pull.ts';

const lease = {
  requestHash: 'a'.repeat(64),
  generation: '1'.repeat(32),
  attempt: 1,
  agentId: 'attic',
  token: '0'.repeat(96),
};
const source = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: 'd'.repeat(64),
};
const grant: Grant = {
  lease,
  leaseMs: 15_000,
  source,
  spec: plainSpec(),
};

function pullOf(changes: Partial<Pull> = {}): Pull {
  return firstPull({
    warm: [{ builder: 'openwrt=24_10_4=x86=64', digest: 'd'.repeat(64) }],
    slots: 2,
    ...changes,
  });
}

/** A parked pull and what it was answered. */
function park(): { readonly parked: ParkedPull; readonly sent: Orders[] } {
  const sent: Orders[] = [];
  const parked = new ParkedPull(pullOf(), async (orders) => {
    sent.push(orders);
  });
  return { parked, sent };
}

/** A look that ends when told. */
function openLook(): {
  readonly look: () => Promise<Orders | undefined>;
  readonly end: (orders?: Orders) => void;
} {
  let end: (orders?: Orders) => void = () => undefined;
  const found = new Promise<Orders | undefined>((resolve) => {
    end = resolve;
  });
  return { look: () => found, end };
}

afterEach(() => {
  vi.useRealTimers();
});

const nothing = async (): Promise<undefined> => undefined;

describe('what a pull offers', () => {
  test.each([
    [2, 0, false, 2],
    [2, 1, false, 1],
    [1, 2, false, 0],
    [2, 0, true, 0],
  ])('%i slots, %i attempts, draining %s: %i free', (slots, held, draining, free) => {
    const attempts = Array.from({ length: held }, () => lease);
    const { view } = new ParkedPull(pullOf({ slots, attempts, draining }), async () => undefined);
    expect(freeSlots(view)).toBe(free);
  });

  test('is the builders it has warm, but for those whose builds it leaves to others for now', () => {
    const { parked } = park();
    expect(parked.view.warm).toEqual(pullOf().warm);
    parked.passOver('openwrt=24_10_4=x86=64', 60_000);
    expect(parked.view.warm).toEqual([]);
    expect(parked.pull.warm).toEqual(pullOf().warm);
  });
});

describe('a parked pull', () => {
  test('stays parked while there is nothing to do, and is answered with what is found later', async () => {
    const { parked, sent } = park();
    await parked.serve(nothing);
    expect([parked.isAnswered, sent]).toEqual([false, []]);
    await parked.serve(async () => ({ warm: source }));
    expect([parked.isAnswered, sent]).toEqual([true, [{ warm: source }]]);
  });

  test('looks again when asked during a look that finds nothing', async () => {
    const { parked, sent } = park();
    const first = openLook();
    const looks = [first.look, async (): Promise<Orders> => ({ start: grant })];
    const look = async (): Promise<Orders | undefined> => await looks.shift()?.();
    const serving = parked.serve(look);
    await parked.serve(look);
    expect(looks).toHaveLength(1);
    first.end();
    await serving;
    expect(sent).toEqual([{ start: grant }]);
  });

  test('does not look again once one look has found something', async () => {
    const { parked, sent } = park();
    const first = openLook();
    const serving = parked.serve(first.look);
    let isLookedAgain = false;
    await parked.serve(async () => {
      isLookedAgain = true;
      return { warm: source };
    });
    first.end({ start: grant });
    await serving;
    expect([isLookedAgain, sent]).toEqual([false, [{ start: grant }]]);
  });

  test('whose time is up is answered with nothing to do', async () => {
    const { parked, sent } = park();
    await parked.expire();
    await parked.expire();
    expect(sent).toEqual([{}]);
    await parked.serve(async () => ({ warm: source }));
    expect(sent).toEqual([{}]);
  });

  test.each([[undefined], [{ start: grant }]])(
    'whose time is up during a look is answered with what the look finds: %j',
    async (found) => {
      const { parked, sent } = park();
      const { look, end } = openLook();
      const serving = parked.serve(look);
      await parked.expire();
      expect(sent).toEqual([]);
      end(found);
      await serving;
      expect(sent).toEqual([found ?? {}]);
    },
  );

  test('may look again after a look that failed', async () => {
    const { parked, sent } = park();
    const failing = parked.serve(async () => {
      throw new Error('Redis is gone');
    });
    await expect(failing).rejects.toThrow('Redis is gone');
    await parked.serve(async () => ({ start: grant }));
    expect(sent).toEqual([{ start: grant }]);
  });

  test('is told when its time is up, unless it was answered or forgotten before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const parked = [park().parked, park().parked, park().parked];
    const ended: number[] = [];
    for (const [index, each] of parked.entries()) each.endAfter(30_000, () => ended.push(index));
    await parked[1]?.answer({});
    parked[2]?.forget();
    vi.advanceTimersByTime(29_999);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ended).toEqual([0]);
  });

  test('that nobody waits for any more is answered with nothing', async () => {
    const { parked, sent } = park();
    parked.forget();
    await parked.expire();
    await parked.answer({ cancel: [lease] });
    await parked.serve(async () => ({ warm: source }));
    expect(sent).toEqual([]);
  });

  test('sends a grant even after its answer, because the lease is in Redis already', async () => {
    const { parked, sent } = park();
    const { look, end } = openLook();
    const serving = parked.serve(look);
    await parked.answer({ cancel: [lease] });
    end({ start: grant });
    await serving;
    expect(sent).toEqual([{ cancel: [lease] }, { start: grant }]);
  });

  test('is answered once, and neither a grant nor an order to fetch is lost, in whatever order things happen', async () => {
    const events = ['look in vain', 'find a builder', 'find a build', 'answer', 'expire'] as const;
    const found: Readonly<Partial<Record<(typeof events)[number], Orders>>> = {
      'find a builder': { warm: source },
      'find a build': { start: grant },
    };
    const sequence = fc.array(fc.constantFrom(...events), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), sequence, async (scheduler, happening) => {
        const { parked, sent } = park();
        let looking = 0;
        let grants = 0;
        let fetches = 0;
        const act = async (event: (typeof events)[number]): Promise<void> => {
          if (event === 'answer') await parked.answer({ cancel: [] });
          else if (event === 'expire') await parked.expire();
          else {
            await parked.serve(async () => {
              looking += 1;
              expect(looking, 'looks at the same time').toBe(1);
              await scheduler.schedule(Promise.resolve(), event);
              looking -= 1;
              if (event === 'find a build') grants += 1;
              if (event === 'find a builder') fetches += 1;
              return found[event];
            });
          }
        };
        const acts = happening.map(async (event) => {
          await scheduler.schedule(Promise.resolve(), `begin to ${event}`);
          await act(event);
        });
        await scheduler.waitFor(Promise.all(acts));
        await parked.expire();
        const [first, ...late] = sent;
        expect(first).toBeDefined();
        expect(late.every((orders) => orders.start ?? orders.warm)).toBeTruthy();
        expect(sent.filter((orders) => orders.start)).toHaveLength(grants);
        expect(sent.filter((orders) => orders.warm)).toHaveLength(fetches);
      }),
      { numRuns: 300 },
    );
  });
});

test('a pull whose time is up during a look that fails is answered all the same', async () => {
  const { parked, sent } = park();
  let fail: () => void = () => undefined;
  const look = new Promise<undefined>((_resolve, reject) => {
    fail = () => reject(new Error('Redis is away'));
  });
  const serving = parked.serve(() => look);
  await parked.expire();
  fail();
  await expect(serving).rejects.toThrow('Redis is away');
  expect(sent).toEqual([{}]);
});

test('an order to fetch that was planned while a newer pull came is sent all the same', async () => {
  const { parked, sent } = park();
  await parked.serve(async () => {
    parked.forget();
    return { warm: source };
  });
  expect(sent).toEqual([{ warm: source }]);
});
