import { describe, expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';
import { type PolicyName, play } from './play.ts';
import { seededRandom, weightedDraw, zipfWeights } from './random.ts';
import { comingAndGoing, zipfDay } from './traces.ts';
import type { Trace } from './workload.ts';

/** The first three hours of a day. */
function short(trace: Trace): Trace {
  const isEarly = ({ atMs }: { readonly atMs: number }): boolean => atMs < 3 * 3_600_000;
  return { ...trace, arrivals: trace.arrivals.filter(isEarly), changes: trace.changes.filter(isEarly) };
}

test('events come in the order of their times, those of one time in the order they were put in', () => {
  const queue = new EventQueue();
  const seen: string[] = [];
  const times = [5, 1, 5, 3, 1, 4];
  times.forEach((atMs, at) => {
    queue.put(atMs, () => seen.push(`${atMs}.${at}`));
  });
  for (let event = queue.take(); event; event = queue.take()) event.run();
  expect(seen).toEqual(['1.1', '1.4', '3.3', '4.5', '5.0', '5.2']);
});

test('what weighs more is drawn more often, in proportion', () => {
  const random = seededRandom(7);
  const draw = weightedDraw(zipfWeights(4, 1));
  const counts = [0, 0, 0, 0];
  for (let at = 0; at < 25_000; at += 1) {
    const drawn = draw(random);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  expect((counts[0] ?? 0) / (counts[3] ?? 1)).toBeGreaterThan(3.7);
  expect((counts[0] ?? 0) / (counts[3] ?? 1)).toBeLessThan(4.3);
});

describe.each<PolicyName>(['warm-first', 'random', 'fifo-cold'])('under %s', (name) => {
  test('the same seed gives the same outcome, another seed another one', () => {
    const outcome = play(short(zipfDay(5, 1.5)), name, 5);
    expect(play(short(zipfDay(5, 1.5)), name, 5)).toEqual(outcome);
    expect(play(short(zipfDay(6, 1.5)), name, 6)).not.toEqual(outcome);
  });

  test('every build ends although machines come and go', () => {
    const trace = short(comingAndGoing(5, 1.5));
    expect(play(trace, name, 5).builds).toBe(trace.arrivals.length);
  });
});
