import { setTimeout as sleep } from 'node:timers/promises';

/** Time as code sees it, so that tests can own it. Decides nothing that is shared: that is Redis' `TIME`. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds since some moment, evenly: how long something lasted, also where an operator or NTP sets the time of day. */
  steadyMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steadyMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {});
  },
};
