import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerFarm } from './farm.ts';

/**
 * What a farm went through, by what its programs logged: a storm that cost no attempt proves nothing.
 * @returns how often by what, such as `attempt lost: lease_expired`.
 */
export async function wentThrough(farm: LedgerFarm): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const { name } of farm.processes()) {
    const text = await readFile(join(farm.folder, 'logs', `${name}.log`), 'utf8');
    for (const line of text.split('\n')) {
      const said = parse(line);
      if (said.msg === 'attempt lost') count(`attempt lost: ${said.cause}`);
      else if (said.msg === 'attempt begins') count('attempt begun');
      else if (said.msg === 'attempt dropped') count('attempt dropped by its agent');
      else if (said.msg === 'jobs were missing and are published again')
        count('missing jobs published again');
      else if (Number(said.level) >= 50) count(`error: ${said.msg}`);
    }
  }
  return new Map([...counts].sort(([one], [other]) => one.localeCompare(other)));
}

function parse(line: string): { readonly msg?: unknown; readonly cause?: unknown; readonly level?: unknown } {
  try {
    return JSON.parse(line) as object;
  } catch {
    // The servers' own words, and lines that were cut by a kill.
    return {};
  }
}
