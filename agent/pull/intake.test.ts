import { expect, test } from 'vitest';
import type { Clock } from '../../shared/clock.ts';
import { type Log, silentLog } from '../../shared/log.ts';
import { parseDailyWindow } from './daily-window.ts';
import { Intake } from './intake.ts';

/** A log that keeps its lines, and a clock that jumps to the end of each sleep, until `endAt`. */
function world(startAt: number, endAt = startAt) {
  const lines: string[] = [];
  const keep = (level: string) => (_facts: object, message: string) =>
    void lines.push(`${level}: ${message}`);
  const log: Log = { ...silentLog, info: keep('info'), warn: keep('warn'), child: () => log };
  const stop = new AbortController();
  let now = startAt;
  const clock: Clock = {
    now: () => now,
    steadyMs: () => now,
    sleep: async (ms) => {
      now += ms;
      if (now > endAt) stop.abort();
    },
  };
  return { lines, log, clock, stop, now: () => now };
}

const quiet = { loadPerCore: 0, diskFreeBytes: 4 * 1024 ** 3 };

test('a disk that fills up is told once, and once more when there is room again', async () => {
  const { lines, log, clock } = world(0);
  const free = [3, 1, 1, 1.5, 2, 2].map((gibibytes) => gibibytes * 1024 ** 3);
  const readHost = async () => ({ loadPerCore: 0, diskFreeBytes: free.shift() ?? 0 });
  const intake = new Intake({ readHost, clock, log }, { diskReserveBytes: 2 * 1024 ** 3, windows: [] });
  const taken: boolean[] = [];
  while (free.length > 0) taken.push((await intake.look()).decision.takesWork);
  expect(taken).toEqual([true, false, false, false, true, true]);
  expect(lines).toEqual([
    'warn: takes no new work: 1.0 GiB are free on the disk, and 2.0 GiB are to be kept free',
    'info: takes new work again',
  ]);
});

test('the loop is told when a window opens and when it closes, within seconds', async () => {
  const at = (hours: number, minutes = 0): number => new Date(2026, 10, 24, hours, minutes).getTime();
  const { lines, log, clock, stop, now } = world(at(21), at(24 + 8));
  const limits = { diskReserveBytes: 0, windows: [parseDailyWindow('22:00-07:00')] };
  const intake = new Intake({ readHost: async () => quiet, clock, log }, limits);
  const changes: number[] = [];
  await intake.run(stop.signal, () => changes.push(now()));
  expect(changes).toEqual([at(21), at(22), at(24 + 7)]);
  expect(lines).toEqual([
    'info: takes no new work: work is taken at 22:00-07:00 only',
    'info: takes new work again',
    'info: takes no new work: work is taken at 22:00-07:00 only',
  ]);
});

test('a disk that cannot be asked is told once and asked again', async () => {
  const { lines, log, clock, stop } = world(0, 300_000);
  let asked = 0;
  const readHost = async () => {
    asked += 1;
    if (asked < 4) throw new Error('stale file handle');
    return quiet;
  };
  const intake = new Intake({ readHost, clock, log }, { diskReserveBytes: 0, windows: [] });
  await intake.run(stop.signal, () => undefined);
  expect(asked).toBeGreaterThan(4);
  expect(lines).toEqual(['warn: this machine cannot be read']);
});
