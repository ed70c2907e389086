import { Gauge, type Registry } from 'prom-client';
import { hasCode } from '../../shared/errors.ts';

/** A value with its labels; values of the same labels are added up. */
export type Sample<L extends string> = readonly [labels: Readonly<Record<L, string>>, value: number];

export interface ReadGauge<L extends string> {
  readonly name: string;
  readonly help: string;
  /** Default none. */
  readonly labelNames?: readonly L[];
  /** Asked at each scrape. */
  readonly read: () => Promise<readonly Sample<L>[]>;
}

/**
 * Adds a gauge that is read when it is asked for. What cannot be read now, because Redis is away or a folder not there yet, is left
 * out of the answer: neither 0 nor what it was before would be true.
 */
export function addReadGauge<L extends string = never>(registry: Registry, of: ReadGauge<L>): void {
  const gauge = new Gauge<L>({
    name: of.name,
    help: of.help,
    labelNames: of.labelNames ?? [],
    registers: [registry],
    collect: async () => {
      const samples = await readOrNothing(of.read);
      // From here on at once: another scrape may be under way.
      gauge.reset();
      if (samples.length === 0 && of.labelNames === undefined) gauge.remove();
      for (const [labels, value] of samples) gauge.inc(labels, value);
    },
  });
}

async function readOrNothing<T>(read: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await read();
  } catch (thrown) {
    if (hasCode(thrown, 'unavailable')) return [];
    throw thrown;
  }
}
