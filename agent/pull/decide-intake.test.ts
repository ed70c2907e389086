import { expect, test } from 'vitest';
import { parseDailyWindow } from './daily-window.ts';
import { decideIntake, type IntakeLimits } from './decide-intake.ts';

const noon = new Date(2026, 10, 24, 12, 0).getTime();
const night = new Date(2026, 10, 24, 23, 30).getTime();
const host = { loadPerCore: 0.5, diskFreeBytes: 1000 };
const limits: IntakeLimits = { diskReserveBytes: 0, windows: [] };

test('without limits work is always taken, even at any load', () => {
  expect(decideIntake(noon, { loadPerCore: 99, diskFreeBytes: 0 }, limits)).toEqual({ takesWork: true });
});

test('a disk with less than the reserve takes no work; exactly the reserve is enough', () => {
  const reserved = { ...limits, diskReserveBytes: 1000 };
  expect(decideIntake(noon, host, reserved)).toEqual({ takesWork: true });
  expect(decideIntake(noon, { ...host, diskFreeBytes: 999 }, reserved)).toMatchObject({
    takesWork: false,
    reason: 'disk_full',
  });
});

test('outside of all windows no work is taken, and people are told when it is', () => {
  const windows = ['22:00-07:00', '17:00-18:00'].map(parseDailyWindow);
  expect(decideIntake(night, host, { ...limits, windows })).toEqual({ takesWork: true });
  expect(decideIntake(noon, host, { ...limits, windows })).toEqual({
    takesWork: false,
    reason: 'outside_schedule',
    text: 'work is taken at 22:00-07:00, 17:00-18:00 only',
  });
});

test('above the load no work is taken; exactly the load is allowed', () => {
  expect(decideIntake(noon, host, { ...limits, maxLoadPerCore: 0.5 })).toEqual({ takesWork: true });
  expect(decideIntake(noon, host, { ...limits, maxLoadPerCore: 0.4 })).toEqual({
    takesWork: false,
    reason: 'load_too_high',
    text: 'the load per core is 0.50, above 0.4',
  });
});

test('a full disk is told before anything else: it needs a person', () => {
  const all = { diskReserveBytes: 2000, maxLoadPerCore: 0.1, windows: [parseDailyWindow('22:00-07:00')] };
  expect(decideIntake(noon, host, all)).toMatchObject({ reason: 'disk_full' });
});
