/** `22:00-07:00`, `00:00-24:00`. A window that ends when it begins is none, and refused. */
export const DAILY_WINDOW_PATTERN =
  '^(?!(.{5})-\\1$)([01]\\d|2[0-3]):[0-5]\\d-(([01]\\d|2[0-3]):[0-5]\\d|24:00)$';

/** A part of each day, in minutes after local midnight; one that ends before it begins goes over midnight. */
export interface DailyWindow {
  readonly fromMinute: number;
  /** The first minute after it, at most 1440. */
  readonly toMinute: number;
}

/** The window of a text that matches `DAILY_WINDOW_PATTERN`. */
export function parseDailyWindow(text: string): DailyWindow {
  const [from = '', to = ''] = text.split('-');
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to) };
}

/** Whether a moment, epoch milliseconds, lies in a window by this machine's local time. */
export function isWithin(window: DailyWindow, now: number): boolean {
  const local = new Date(now);
  const minute = local.getHours() * 60 + local.getMinutes();
  const { fromMinute, toMinute } = window;
  return fromMinute < toMinute
    ? minute >= fromMinute && minute < toMinute
    : minute >= fromMinute || minute < toMinute;
}

/** As it is written in settings. */
export function dailyWindowText({ fromMinute, toMinute }: DailyWindow): string {
  return `${clockText(fromMinute)}-${clockText(toMinute)}`;
}

function minuteOf(clock: string): number {
  const [hours, minutes] = clock.split(':');
  return Number(hours) * 60 + Number(minutes);
}

function clockText(minute: number): string {
  const twoDigits = (value: number): string => String(value).padStart(2, '0');
  return `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`;
}
