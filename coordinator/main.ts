import type { RawSettings } from '../shared/env.ts';
import { createLog, type Log } from '../shared/log.ts';
import { proxiesFrom } from '../shared/proxies.ts';
import { startCoordinator } from './app.ts';
import { parseCoordinatorConfig } from './config.ts';
import { letRequestsDieYoung } from './garbage-collection.ts';

/** Longest time a coordinator takes to hand its streams over and close, milliseconds. */
const STOP_MS = 15_000;

/** What keeps a coordinator running until it is told to stop; it returns the exit code. */
export type CoordinatorHost = (service: {
  readonly log: Log;
  readonly stopMs: number;
  start(): Promise<AsyncDisposable & { readonly facts: { readonly http: string; readonly grpc: string } }>;
}) => Promise<number>;

/**
 * Runs one coordinator. @returns its exit code.
 * @throws SettingsError when the settings are not right; what could not be opened otherwise.
 */
export async function runCoordinator(raw: RawSettings, host: CoordinatorHost): Promise<number> {
  letRequestsDieYoung();
  const config = parseCoordinatorConfig(raw);
  const log = createLog('coordinator', config.logLevel);
  return await host({
    log,
    stopMs: STOP_MS,
    start: async () => {
      const running = await startCoordinator(config, { log, proxies: proxiesFrom(process.env) });
      return {
        facts: { http: running.httpUrl, grpc: running.grpcAddress },
        [Symbol.asyncDispose]: async () => {
          await running[Symbol.asyncDispose]();
        },
      };
    },
  });
}
