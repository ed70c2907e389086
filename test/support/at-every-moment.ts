import { vi } from 'vitest';
import { FarmError, hasCode } from '../../shared/errors.ts';

/** More than any step has; a step that is not over by then fails its test. */
const MOST_MOMENTS = 60;

/** Begins to disturb the call of this number, of those that follow; tells how many there were. Ends with `vi.restoreAllMocks`. */
export type Disturbance = (moment: number) => () => number;

/** A step that is taken once for each call it makes, from a farm that was prepared anew. */
export interface DisturbedStep<T, R> {
  readonly prepare: () => Promise<T>;
  readonly step: (prepared: T) => Promise<R>;
  /** Undisturbed. */
  readonly check?: (prepared: T, result: R) => Promise<void>;
}

/** Takes a step with its first call disturbed, then with its second, and so on; returns how many it has. */
export async function atEveryMoment<T, R>(
  disturb: Disturbance,
  { prepare, step, check }: DisturbedStep<T, R>,
): Promise<number> {
  for (let moment = 0; moment < MOST_MOMENTS; moment += 1) {
    const prepared = await prepare();
    const made = disturb(moment);
    const result = await step(prepared);
    vi.restoreAllMocks();
    await check?.(prepared, result);
    if (made() <= moment) return moment;
  }
  throw new Error('the step does not end');
}

/** Does what fails as `unavailable` until it is done, as clients and agents do. */
export async function insist<T>(step: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await step();
    } catch (thrown) {
      if (tries === 3 || !hasCode(thrown, 'unavailable')) throw thrown;
    }
  }
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** One call to any of these methods fails as `unavailable`: before anything was done, or after all was done and nothing told. */
export function failing<T extends object>(
  target: T,
  names: readonly (keyof T & string)[],
  when: 'before' | 'after',
): Disturbance {
  const methods = target as unknown as Record<string, Method>;
  return (moment) => {
    let made = 0;
    for (const name of names) {
      const method = methods[name]?.bind(target);
      if (!method) throw new Error(`there is no ${name}`);
      vi.spyOn(methods, name).mockImplementation(async (...args) => {
        const isTheOne = made === moment;
        made += 1;
        const failure = new FarmError('unavailable', `${name} was not answered`);
        if (isTheOne && when === 'before') throw failure;
        const answer = await method(...args);
        if (isTheOne) throw failure;
        return answer;
      });
    }
    return () => made;
  };
}
