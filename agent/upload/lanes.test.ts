import { expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function openWork(): { readonly work: () => Promise<void>; readonly end: () => void; hasBegun: boolean } {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const open = {
    hasBegun: false,
    end,
    work: async () => {
      open.hasBegun = true;
      await ended;
    },
  };
  return open;
}

test('as much goes on at a time as there are lanes, the rest in the order it came', async () => {
  const lanes = new Lanes(2);
  const works = [openWork(), openWork(), openWork(), openWork()];
  const runs = works.map(({ work }) => lanes.run(work, never));
  await Promise.resolve();
  const begun = (): boolean[] => works.map(({ hasBegun }) => hasBegun);
  expect(begun()).toEqual([true, true, false, false]);
  works[1]?.end();
  await runs[1];
  await Promise.resolve();
  expect(begun()).toEqual([true, true, true, false]);
  for (const { end } of works) end();
  await Promise.all(runs);
});

test('work that fails leaves its lane', async () => {
  const lanes = new Lanes(1);
  await expect(lanes.run(() => Promise.reject(new Error('no')), never)).rejects.toThrow('no');
  expect(await lanes.run(async () => 'done', never)).toBe('done');
});

test('who gives up waiting leaves the queue and takes no lane', async () => {
  const lanes = new Lanes(1);
  const first = openWork();
  const running = lanes.run(first.work, never);
  const giveUp = new AbortController();
  const waiting = lanes.run(async () => 'never', giveUp.signal);
  const last = lanes.run(async () => 'last', never);
  giveUp.abort(new Error('given up'));
  await expect(waiting).rejects.toThrow('given up');
  first.end();
  await running;
  expect(await last).toBe('last');
  await expect(lanes.run(async () => 'late', giveUp.signal)).rejects.toThrow('given up');
  expect(await lanes.run(async () => 'free', never)).toBe('free');
});
