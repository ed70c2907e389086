import type { AdminAnswer } from './admin-client.ts';

/* Answers of the admin API as tables for people. What a server leaves out is shown as a dash. */

type Row = Readonly<Record<string, unknown>>;

/** Columns as wide as what stands in them, two blanks apart; the first line is the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function showAgents({ agents }: AdminAnswer): readonly string[] {
  const rows = rowsOf(agents);
  if (rows.length === 0) return ['no agent is there'];
  return table(
    ['AGENT', 'STATE', 'BUILDS', 'LOAD', 'DISK FREE', 'VERSION', 'READY'],
    rows.map((row) => [
      text(row.id),
      text(row.state),
      `${text(row.running)}/${text(row.slots)}`,
      typeof row.load_per_core === 'number' ? row.load_per_core.toFixed(2) : '-',
      bytes(row.disk_free_bytes),
      text(row.software),
      [...list(row.warm), ...list(row.warming).map((name) => `(${name})`)].join(', ') || '-',
    ]),
  );
}

export function showBuilders({ builders }: AdminAnswer): readonly string[] {
  const rows = rowsOf(builders);
  if (rows.length === 0) return ['no builder is ready anywhere, and none is waited for or pinned'];
  return table(
    ['BUILDER', 'PINNED', 'WAITING', 'RUNNING', 'MEDIAN', 'READY ON'],
    rows.map((row) => [
      text(row.name),
      typeof row.pinned === 'boolean' ? (row.pinned ? 'yes' : 'no') : '-',
      text(row.waiting),
      text(row.running),
      typeof row.median_seconds === 'number' ? `${row.median_seconds.toFixed(1)} s` : '-',
      [...list(row.warm_on), ...list(row.warming_on).map((id) => `(${id})`)].join(', ') || '-',
    ]),
  );
}

export function showQueue({ waiting, builds }: AdminAnswer): readonly string[] {
  const rows = rowsOf(builds);
  if (rows.length === 0) return [`${text(waiting)} builds wait`];
  const shown = table(
    ['BUILD', 'BUILDER', 'PROFILE', 'BEFORE IT', 'WAITED', 'CLIENT'],
    rows.map((row) => [
      text(row.request_hash),
      text(row.builder),
      text(row.profile),
      text(row.position),
      typeof row.waited_seconds === 'number' ? `${Math.round(row.waited_seconds)} s` : '-',
      text(row.client),
    ]),
  );
  return [...shown, '', `${text(waiting)} builds wait`];
}

function rowsOf(value: unknown): readonly Row[] {
  return Array.isArray(value) ? (value as Row[]) : [];
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

function bytes(value: unknown): string {
  return typeof value === 'number' ? `${(value / 1024 ** 3).toFixed(1)} GiB` : '-';
}
