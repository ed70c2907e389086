import type { RawSettings } from '../shared/env.ts';
import { createLog, type Log } from '../shared/log.ts';
import { proxiesFrom } from '../shared/proxies.ts';
import { startAgent } from './app.ts';
import { parseAgentConfig } from './config.ts';

/** Time beyond `drainMs` for handing builds back and closing, milliseconds. */
const CLOSE_MS = 10_000;

/** What keeps an agent running until it is told to stop; it returns the exit code. */
export type AgentHost = (service: {
  readonly log: Log;
  readonly stopMs: number;
  start(): Promise<
    AsyncDisposable & { readonly facts: { readonly id: string }; readonly stopped: Promise<void> }
  >;
}) => Promise<number>;

/**
 * Runs one agent. @returns its exit code.
 * @throws SettingsError when the settings are not right; what could not be opened otherwise.
 */
export async function runAgent(raw: RawSettings, host: AgentHost): Promise<number> {
  const config = parseAgentConfig(raw);
  const log = createLog('agent', config.logLevel).child({ agent: config.id });
  return await host({
    log,
    stopMs: config.drainMs + CLOSE_MS,
    start: async () => {
      const running = await startAgent(config, { log, proxies: proxiesFrom(process.env) });
      return {
        facts: { id: config.id },
        stopped: running.stopped,
        [Symbol.asyncDispose]: async () => {
          await running[Symbol.asyncDispose]();
        },
      };
    },
  });
}
