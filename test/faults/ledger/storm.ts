import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../bench/sim/random.ts';
import type { LedgerFarm } from './farm.ts';
import type { PlannedFault } from './schedule.ts';

/** What was done to a farm, and when: epoch milliseconds. */
export interface DoneFault {
  readonly name: string;
  readonly target: number;
  readonly from: number;
  readonly to: number;
}

export interface StormOptions {
  readonly seed: number;
  /** So many are done in any case. */
  readonly least: number;
  /** Aborted when no more than those are wanted. */
  readonly enough: AbortSignal;
  /** Aborted to end it at once. */
  readonly stop: AbortSignal;
  /** Told of each beginning and end, and of what could not be done. */
  readonly onFault: (text: string) => void;
}

/** Does to the farm what is planned, each fault in its time, and heals it in the end: also when it is stopped. */
export async function runStorm(
  farm: LedgerFarm,
  plan: readonly PlannedFault[],
  options: StormOptions,
): Promise<readonly DoneFault[]> {
  const { stop, onFault } = options;
  const enough = AbortSignal.any([stop, options.enough]);
  const began = Date.now();
  const done: DoneFault[] = [];
  const one = async ({ kind, atMs, lastsMs, target }: PlannedFault, number: number): Promise<void> => {
    const isWanted = number < options.least;
    await waitUntil(began + atMs, isWanted ? stop : enough);
    if (stop.aborted || (!isWanted && enough.aborted)) return;
    const who = kind.targets === 'farm' ? '' : ` ${target + 1}`;
    const from = Date.now();
    onFault(`${kind.name}${who}, for ${(lastsMs / 1000).toFixed(1)} s`);
    try {
      await kind.begin(farm, target, seededRandom(options.seed * 7_919 + number));
      await waitUntil(from + lastsMs, stop);
    } finally {
      await kind
        .end(farm, target)
        .catch((thrown: unknown) => onFault(`${kind.name}${who}: not over: ${thrown}`));
    }
    onFault(`${kind.name}${who} is over`);
    done.push({ name: kind.name, target, from, to: Date.now() });
  };
  await Promise.all(plan.map(one));
  await healAll(farm);
  return done;
}

async function waitUntil(at: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, at - Date.now()), undefined, { signal }).catch(() => undefined);
}

/** Everything runs, on lines that are whole, with clocks that are right. */
async function healAll(farm: LedgerFarm): Promise<void> {
  for (const process of farm.processes()) process.thaw();
  await Promise.all(farm.processes().map((process) => process.start()));
}
