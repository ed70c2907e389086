import { byteSizeText } from '../byte-size.ts';
import { type DailyWindow, dailyWindowText, isWithin } from './daily-window.ts';
import type { HostState } from './read-host.ts';

/** What whoever lends the machine allows. */
export interface IntakeLimits {
  /** No work is taken while less is free on the disk of the builders. */
  readonly diskReserveBytes: number;
  /** Load per core above which no work is taken; the agent's own builds count. Absent for no limit. */
  readonly maxLoadPerCore?: number;
  /** Work is taken in these parts of the day; empty for always. */
  readonly windows: readonly DailyWindow[];
}

/** Whether new work is taken, and otherwise why not; `text` is for people. */
export type IntakeDecision =
  | { readonly takesWork: true }
  | {
      readonly takesWork: false;
      readonly reason: 'disk_full' | 'outside_schedule' | 'load_too_high';
      readonly text: string;
    };

/** @param now epoch milliseconds; windows are by local time. */
export function decideIntake(now: number, host: HostState, limits: IntakeLimits): IntakeDecision {
  const { diskReserveBytes, maxLoadPerCore, windows } = limits;
  if (host.diskFreeBytes < diskReserveBytes) {
    const text = `${byteSizeText(host.diskFreeBytes)} are free on the disk, and ${byteSizeText(diskReserveBytes)} are to be kept free`;
    return { takesWork: false, reason: 'disk_full', text };
  }
  if (windows.length > 0 && !windows.some((window) => isWithin(window, now))) {
    const text = `work is taken at ${windows.map(dailyWindowText).join(', ')} only`;
    return { takesWork: false, reason: 'outside_schedule', text };
  }
  if (maxLoadPerCore !== undefined && host.loadPerCore > maxLoadPerCore) {
    const text = `the load per core is ${host.loadPerCore.toFixed(2)}, above ${maxLoadPerCore}`;
    return { takesWork: false, reason: 'load_too_high', text };
  }
  return { takesWork: true };
}
