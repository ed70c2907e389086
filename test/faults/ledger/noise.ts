import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How disturbed the machine was, for who reads times that were measured on it. Started at construction. */
export class Noise {
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #before = cpuTicks();

  constructor() {
    this.#delay.enable();
  }

  /** Told in one line. */
  text(): string {
    this.#delay.disable();
    const { busy, total } = cpuTicks();
    const share = (busy - this.#before.busy) / Math.max(1, total - this.#before.total);
    const ms = (nanoseconds: number): string => (nanoseconds / 1e6 - 10).toFixed(0);
    return (
      `CPUs ${(share * 100).toFixed(0)} % busy, load ${loadavg()[0]?.toFixed(1)}; a timer of this program was late by ` +
      `${ms(this.#delay.percentile(50))} ms in the middle, ${ms(this.#delay.percentile(99))} ms p99, ${ms(this.#delay.max)} ms at worst`
    );
  }
}

/** Source: proc(5), first line of stat. */
function cpuTicks(): { readonly busy: number; readonly total: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, each) => sum + each, 0);
  return { total, busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}
