/* Days and weeks of UTC, in the form charts are labelled with (asu, routers/stats.py, `start_stop`). */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** `2026-11-23`. */
export function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** Hour of the day, 0 to 23. */
export function hourOf(epochMs: number): number {
  return new Date(epochMs).getUTCHours();
}

/** The last days, today at the end. */
export function lastDays(now: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => dayOf(now - (count - 1 - at) * DAY_MS));
}

/** The days of the last weeks, the last of which ends today. */
export function lastWeeks(now: number, count: number): readonly (readonly string[])[] {
  const days = lastDays(now, count * 7);
  return Array.from({ length: count }, (_, at) => days.slice(at * 7, at * 7 + 7));
}

/** The hours that make up the last day, each with its date: 23 whole ones and the one that runs. */
export function lastHours(now: number): readonly { readonly day: string; readonly hour: number }[] {
  return Array.from({ length: 24 }, (_, at) => {
    const then = now - (23 - at) * HOUR_MS;
    return { day: dayOf(then), hour: hourOf(then) };
  });
}

/** How a day is shown: `2026-11-23Z`. */
export function dayLabel(day: string): string {
  return `${day}Z`;
}
