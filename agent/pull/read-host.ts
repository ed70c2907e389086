import { readFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { freeDiskBytes } from '../../shared/free-disk.ts';

/** How busy this machine is, at one moment. */
export interface HostState {
  /** One-minute load average divided by the number of cores. */
  readonly loadPerCore: number;
  /** What this user may still write on the disk of the builders. */
  readonly diskFreeBytes: number;
  /** Part of the last ten seconds in which some task waited for a CPU, 0 to 1; absent where the kernel does not tell. */
  readonly cpuPressure?: number;
}

/** Source: Linux, Documentation/accounting/psi.rst; there from 4.20 on, unless the kernel was built or started without. */
const PRESSURE_FILE = '/proc/pressure/cpu';

/** @param directory on the disk of the builders. Throws when that disk cannot be asked. */
export async function readHost(directory: string): Promise<HostState> {
  const [diskFreeBytes, pressure] = await Promise.all([
    freeDiskBytes(directory),
    readFile(PRESSURE_FILE, 'utf8').catch(() => ''),
  ]);
  const cpuPressure = parsePressure(pressure);
  return {
    loadPerCore: (loadavg()[0] ?? 0) / availableParallelism(),
    diskFreeBytes,
    ...(cpuPressure === undefined ? {} : { cpuPressure }),
  };
}

/** The `some avg10` of a pressure file as a part of 1, or `undefined` where there is none: `some avg10=91.21 avg60=…`. */
export function parsePressure(text: string): number | undefined {
  const percent = /^some avg10=(\d+(?:\.\d+)?) /m.exec(text)?.[1];
  return percent === undefined ? undefined : Math.min(1, Math.round(Number(percent) * 100) / 10_000);
}
