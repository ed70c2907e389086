import { type RunningCoordinator, startCoordinator } from '../../coordinator/app.ts';
import { parseCoordinatorConfig } from '../../coordinator/config.ts';
import { letRequestsDieYoung } from '../../coordinator/garbage-collection.ts';
import type { RawSettings } from '../../shared/env.ts';
import { createLog } from '../../shared/log.ts';
import { answerParent } from './child-process.ts';

export interface CoordinatorFacts {
  readonly url: string;
  readonly grpcAddress: string;
  /** Resident memory, bytes, after a garbage collection where `--expose-gc` is given. */
  readonly residentBytes: number;
  /** Of that, live objects, and what lies outside of the heap. */
  readonly heapBytes: number;
  readonly externalBytes: number;
}

let running: RunningCoordinator | undefined;

/** The first message is the settings of a coordinator, which is then started; any later one only asks for the facts. */
answerParent(async (settings: RawSettings): Promise<CoordinatorFacts> => {
  if (!running) {
    letRequestsDieYoung();
    const config = parseCoordinatorConfig(settings);
    const started = await startCoordinator(config, { log: createLog('coordinator', config.logLevel) });
    running = started;
    process.once('SIGTERM', async () => {
      await started[Symbol.asyncDispose]();
      // Not the end of the parent: this process may still have something to write, such as a profile.
      process.removeAllListeners('disconnect');
      if (process.connected) process.disconnect();
    });
  }
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { httpUrl: url, grpcAddress } = running;
  return { url, grpcAddress, residentBytes: rss, heapBytes: heapUsed, externalBytes: external };
});
