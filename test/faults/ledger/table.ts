import type { LedgerReport } from './ledger-run.ts';
import type { RecoveryTimes } from './recovery-times.ts';

/** Problems of one kind that are told in full. */
const TOLD = 12;

/** Whether the ledger balances. */
export function balances(report: LedgerReport): boolean {
  return report.findings.every(({ problems }) => problems.length === 0);
}

/** The report for people. */
export function table(report: LedgerReport, seed: number): string {
  const lines = [`Ledger of seed ${seed}, ${Math.round(report.tookMs / 1000)} s`, ''];
  const counts = countBy(report.faults.map(({ name }) => name));
  lines.push(
    `${report.faults.length} faults:`,
    ...[...counts].map(([name, count]) => row(String(count), name)),
  );
  lines.push(...report.skipped.map((text) => row('skipped', text)), '');
  lines.push('what it cost:', ...[...report.events].map(([name, count]) => row(String(count), name)), '');
  const kinds = countBy(report.lines.map(({ kind }) => kind));
  lines.push('the client’s ledger:', ...[...kinds].map(([name, count]) => row(String(count), name)), '');
  for (const { check, looked, problems, notes = [] } of report.findings) {
    lines.push(row(problems.length === 0 ? 'ok' : String(problems.length), `${check} (${looked})`));
    for (const text of [...problems.slice(0, TOLD), ...notes.slice(0, TOLD).map((note) => `note: ${note}`)]) {
      lines.push(row('', `  ${text}`));
    }
  }
  if (report.recovery.length > 0)
    lines.push('', 'recovery times, milliseconds:', ...report.recovery.map(recoveryRow));
  if (report.unaskedEnds.length > 0) lines.push('', 'programs that ended by themselves:');
  lines.push(...report.unaskedEnds.map((text) => row('', text)));
  lines.push(
    '',
    `noise: ${report.noise}`,
    balances(report) ? 'The ledger balances.' : 'The ledger does NOT balance.',
  );
  return lines.join('\n');
}

function recoveryRow({ name, reachMs, times }: RecoveryTimes): string {
  const at = (share: number): string => (times[Math.ceil(times.length * share) - 1] ?? Number.NaN).toFixed(0);
  const isMissed = Number(at(0.99)) > reachMs;
  const numbers = `${times.length} times: p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}`;
  return row(isMissed ? 'missed' : 'reached', `${name}: ${numbers}; reach ${reachMs}`);
}

function row(left: string, right: string): string {
  return `${left.padStart(8)}  ${right}`;
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].sort(([one], [other]) => one.localeCompare(other)));
}
