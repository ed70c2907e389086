import { readFile } from 'node:fs/promises';

/** Ticks of /proc/<pid>/stat a second. Source: proc(5), USER_HZ, 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

/** The most resident memory a process ever had, bytes. Source: proc(5), VmHWM. */
export async function peakResidentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** CPU time a process has taken so far, milliseconds, to 10 of them. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name in parentheses, which may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}
