import type { Outcome } from './outcome.ts';
import type { PolicyName } from './play.ts';

export interface Row {
  readonly trace: string;
  readonly policy: PolicyName;
  readonly outcome: Outcome;
}

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['trace', ({ trace }) => trace],
  ['policy', ({ policy }) => policy],
  ['builds', ({ outcome }) => String(outcome.builds)],
  ['warm hits', ({ outcome }) => percent(outcome.warmHitPart)],
  ['wait p50', ({ outcome }) => duration(outcome.waitP50Ms)],
  ['p95', ({ outcome }) => duration(outcome.waitP95Ms)],
  ['p99', ({ outcome }) => duration(outcome.waitP99Ms)],
  ['worst client', ({ outcome }) => duration(outcome.worstClientMs)],
  ['makespan', ({ outcome }) => duration(outcome.makespanMs)],
  ['fetches', ({ outcome }) => String(outcome.fetchCount)],
  ['fetched', ({ outcome }) => `${Math.round(outcome.fetchedBytes / 1e9)} GB`],
];

/** Outcomes as lines of text, columns aligned. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, show]) => show(row)))];
  const widths = COLUMNS.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const aligned = cells.map((line) =>
    line
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return `${aligned.join('\n')}\n`;
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** `42 s`, `3.5 min`, `2.1 h`. */
export function duration(ms: number): string {
  if (ms < 100_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 100 * 60_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}
