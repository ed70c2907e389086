import { describe, expect, test } from 'vitest';
import { dayLabel, dayOf, hourOf, lastDays, lastHours, lastWeeks } from './calendar.ts';

const NOW = Date.parse('2026-03-01T00:30:00Z');

describe('the calendar', () => {
  test('knows day and hour in UTC', () => {
    expect([dayOf(NOW), hourOf(NOW), dayLabel(dayOf(NOW))]).toEqual(['2026-03-01', 0, '2026-03-01Z']);
  });

  test('ends days and weeks today', () => {
    expect(lastDays(NOW, 3)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
    const weeks = lastWeeks(NOW, 26);
    expect(weeks).toHaveLength(26);
    expect(weeks.every((days) => days.length === 7)).toBe(true);
    expect([weeks.at(-1)?.[0], weeks.at(-1)?.[6]]).toEqual(['2026-02-23', '2026-03-01']);
    expect(new Set(weeks.flat()).size).toBe(182);
  });

  test('makes a day of 24 hours', () => {
    const hours = lastHours(NOW);
    expect(hours).toHaveLength(24);
    expect(hours[0]).toEqual({ day: '2026-02-28', hour: 1 });
    expect(hours.at(-1)).toEqual({ day: '2026-03-01', hour: 0 });
  });
});
