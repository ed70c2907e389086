import { readdirSync, readFileSync } from 'node:fs';

/** One process of this machine, told apart from a later one with the same number by its start. */
export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot. Source: proc(5), field 22 of stat. */
  readonly startedAt: string;
  readonly command: string;
}

/** All processes there are now. */
export function processes(): readonly SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => read(Number(name)) ?? []);
}

/** Everything a process started, and what those started. */
export function descendants(pid: number): readonly SeenProcess[] {
  const all = processes();
  const found: SeenProcess[] = [];
  const open = [pid];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    const children = all.filter((each) => each.parent === parent);
    found.push(...children);
    open.push(...children.map((child) => child.pid));
  }
  return found;
}

export function isAlive(seen: SeenProcess): boolean {
  return read(seen.pid)?.startedAt === seen.startedAt;
}

/** Processes whose command line holds `text`. */
export function processesNaming(text: string): readonly SeenProcess[] {
  return processes().filter((each) => each.command.includes(text));
}

function read(pid: number): SeenProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in brackets that may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '', command };
  } catch {
    return undefined;
  }
}
