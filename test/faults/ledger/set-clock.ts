import { writeFile } from 'node:fs/promises';
import type { Random } from '../../bench/sim/random.ts';
import type { ManagedProcess } from './managed-process.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Sets the clock of a program that was started with `clock-shift`; without `random` to the right time. */
export async function setClock(
  program: { readonly process: ManagedProcess; readonly clockPath: string } | undefined,
  random?: Random,
): Promise<void> {
  if (!program) return;
  const size = random && random.next() < 0.5 ? DAY_MS : MINUTE_MS;
  const shiftMs = random ? Math.round((random.next() * 2 - 1) * size) : 0;
  await writeFile(program.clockPath, String(shiftMs));
  program.process.clockWasSet();
}
