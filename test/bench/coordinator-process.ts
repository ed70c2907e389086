import { startCoordinator } from '../../coordinator/app.ts';
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

let addresses: Pick<CoordinatorFacts, 'url' | 'grpcAddress'> | undefined;

/** The first message is the settings of a coordinator, which is then started; any later one only asks for the facts. */
answerParent(async (settings: RawSettings): Promise<CoordinatorFacts> => {
  if (!addresses) {
    letRequestsDieYoung();
    const config = parseCoordinatorConfig(settings);
    const running = await startCoordinator(config, { log: createLog('coordinator', config.logLevel) });
    addresses = { url: running.httpUrl, grpcAddress: running.grpcAddress };
    process.once('SIGTERM', async () => {
      await running[Symbol.asyncDispose]();
      // Not the end of the parent: this process may still have something to write, such as a profile.
      process.removeAllListeners('disconnect');
      if (process.connected) process.disconnect();
    });
  }
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { ...addresses, residentBytes: rss, heapBytes: heapUsed, externalBytes: external };
});
