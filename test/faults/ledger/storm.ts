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

/**
 * Does to the farm what is planned, each fault in its time, and heals it in the end: also when `stop` is aborted.
 * @param onFault told of each beginning and end, and of what could not be done.
 */
export async function runStorm(
  farm: LedgerFarm,
  plan: readonly PlannedFault[],
  seed: number,
  stop: AbortSignal,
  onFault: (text: string) => void,
): Promise<readonly DoneFault[]> {
  const began = Date.now();
  const done: DoneFault[] = [];
  const one = async ({ kind, atMs, lastsMs, target }: PlannedFault, number: number): Promise<void> => {
    const wait = async (ms: number): Promise<void> =>
      await sleep(Math.max(0, ms), undefined, { signal: stop }).catch(() => undefined);
    await wait(began + atMs - Date.now());
    if (stop.aborted) return;
    const who = kind.targets === 'farm' ? '' : ` ${target + 1}`;
    const from = Date.now();
    onFault(`${kind.name}${who}, for ${(lastsMs / 1000).toFixed(1)} s`);
    try {
      await kind.begin(farm, target, seededRandom(seed * 7_919 + number));
      await wait(from + lastsMs - Date.now());
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

/** Everything runs, on lines that are whole, with clocks that are right. */
async function healAll(farm: LedgerFarm): Promise<void> {
  for (const process of farm.processes()) process.thaw();
  await Promise.all(farm.processes().map((process) => process.start()));
}
