import { percent } from '../reach.ts';
import type { LookUpCost } from './look-ups.ts';
import type { Times } from './times.ts';

/** Durations of several things as lines of text, columns aligned. */
export function tableOfTimes(rows: readonly (readonly [name: string, times: Times])[]): string {
  const line = (first: string, ...rest: readonly string[]): string =>
    `${first.padEnd(44)}${rest.map((cell) => cell.padStart(11)).join('')}\n`;
  const lines = rows.map(([name, { count, p50Ms, p99Ms, maxMs }]) =>
    line(name, String(count), ...[p50Ms, p99Ms, maxMs].map((each) => each.toFixed(2))),
  );
  return line('', 'times', 'p50 ms', 'p99 ms', 'worst ms') + lines.join('');
}

/** What looking up costs with few and many builds waiting, as a line. */
export function lineOfCost(name: string, { few, many, ratio }: LookUpCost): string {
  const micros = (ms: number): string => `${(ms * 1000).toFixed(1)} µs`;
  return `${name}: ${micros(few)} with few waiting, ${micros(many)} with many: ${percent(ratio)}\n`;
}
