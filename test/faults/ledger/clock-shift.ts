import { readFileSync } from 'node:fs';

/*
 * Loaded with `node --import` into a program of the ledger: its wall clock is off by the milliseconds in the file that
 * LEDGER_CLOCK names, which is read at the start and at each SIGUSR2. Timers and `performance` go on evenly, as they do when a
 * machine's clock is set; times of files are the kernel's.
 */

const RealDate = globalThis.Date;
let shiftMs = 0;

class ShiftedDate extends RealDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RealDate.now() + shiftMs);
    else super(...(given as [number]));
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
}

function read(): void {
  try {
    shiftMs = Number(readFileSync(process.env.LEDGER_CLOCK ?? '', 'utf8')) || 0;
  } catch {
    // No file: the right time.
    shiftMs = 0;
  }
}

read();
process.on('SIGUSR2', read);
globalThis.Date = ShiftedDate as DateConstructor;
