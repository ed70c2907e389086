import { afterAll, beforeAll } from 'vitest';
import { type FarmOptions, startFarm, type TestFarm } from './start-farm.ts';
import { Wire } from './wire.ts';

/** The farm of one file of tests. */
export interface UsedFarm {
  /** Throws before the tests begin. */
  readonly farm: TestFarm;
  readonly wire: Wire;
}

/** Starts a farm before the tests of this file, and ends it after them. */
export function useFarm(options: FarmOptions = {}): UsedFarm {
  let started: TestFarm | undefined;
  const farm = (): TestFarm => {
    if (!started) throw new Error('the farm is there only while tests run');
    return started;
  };
  beforeAll(async () => {
    started = await startFarm(options);
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
