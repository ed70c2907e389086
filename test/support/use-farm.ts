import { afterAll, beforeAll } from 'vitest';
import { type FarmOptions, startFarm, type TestFarm } from './start-farm.ts';
import { Wire } from './wire.ts';

/** The farm of one file of tests. */
export interface UsedFarm {
  /** Throws before the tests begin. */
  readonly farm: TestFarm;
  readonly wire: Wire;
}

/**
 * Starts a farm before the tests of this file, and ends it after them.
 * @param options or what makes them, when something else must start first.
 */
export function useFarm(options: FarmOptions | (() => Promise<FarmOptions>) = {}): UsedFarm {
  let started: TestFarm | undefined;
  const farm = (): TestFarm => {
    if (!started) throw new Error('the farm is there only while tests run');
    return started;
  };
  beforeAll(async () => {
    started = await startFarm(typeof options === 'function' ? await options() : options);
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });
  return {
    get farm() {
      return farm();
    },
    wire: new Wire(() => farm().url),
  };
}
