import { expect, test } from 'vitest';
import { DAILY_WINDOW_PATTERN, dailyWindowText, isWithin, parseDailyWindow } from './daily-window.ts';

/** A moment by local time, whatever zone the tests run in. */
function at(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number);
  return new Date(2026, 10, 24, hours, minutes, 59).getTime();
}

test.each([
  ['22:00-07:00', ['22:00', '23:59', '00:00', '06:59'], ['07:00', '12:00', '21:59']],
  ['09:30-17:00', ['09:30', '16:59'], ['09:29', '17:00', '00:00']],
  ['00:00-24:00', ['00:00', '23:59'], []],
  ['23:00-00:00', ['23:00', '23:59'], ['00:00', '22:59']],
])('%s holds %j and not %j', (text, inside, outside) => {
  expect(text).toMatch(new RegExp(DAILY_WINDOW_PATTERN));
  const window = parseDailyWindow(text);
  expect(inside.filter((clock) => !isWithin(window, at(clock)))).toEqual([]);
  expect(outside.filter((clock) => isWithin(window, at(clock)))).toEqual([]);
  expect(dailyWindowText(window)).toBe(text);
});

test.each(['22:00', '22-07', '24:00-07:00', '7:00-8:00', '07:60-08:00', '07:00-07:00', '07:00 - 08:00', ''])(
  '%j is no window',
  (text) => {
    expect(text).not.toMatch(new RegExp(DAILY_WINDOW_PATTERN));
  },
);
