import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Stores } from './stores.ts';

/** What coordinators keep in Redis, for one file of tests. */
export interface UsedStores {
  /** Empty before each test. Throws before the tests begin. */
  readonly stores: Stores;
}

/** Starts them before the tests of this file and ends them after them. */
export function useStores(): UsedStores {
  let started: Stores | undefined;
  const stores = (): Stores => {
    if (!started) throw new Error('the stores are there only while tests run');
    return started;
  };
  beforeAll(async () => {
    started = await Stores.start();
  });
  beforeEach(async () => {
    await stores().redis.flushall();
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });
  return {
    get stores() {
      return stores();
    },
  };
}
