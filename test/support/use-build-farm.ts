import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { BuildFarm } from './build-farm.ts';

/** The truth about builds of one file of tests. */
export interface UsedBuildFarm {
  /** Empty before each test. Throws before the tests begin. */
  readonly farm: BuildFarm;
}

/** Starts it before the tests of this file and ends it after them; what a test spied on is whole again after it. */
export function useBuildFarm(): UsedBuildFarm {
  let started: BuildFarm | undefined;
  const farm = (): BuildFarm => {
    if (!started) throw new Error('the farm is there only while tests run');
    return started;
  };
  beforeAll(async () => {
    started = await BuildFarm.start();
  });
  beforeEach(async () => {
    await farm().reset();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });
  return {
    get farm() {
      return farm();
    },
  };
}
