import { EXIT_CONFIG, fromEnvironment, type RawSettings, SettingsError } from '../shared/env.ts';
import type { Command, CommandContext, CommandInput } from './command.ts';
import { runService, type Service } from './service.ts';

type Run = (raw: RawSettings, host: (service: Service) => Promise<number>) => Promise<number>;

/**
 * Runs a program that is configured by flags or `WRTFARM_*` variables, flags first, and stopped by signals.
 * @returns its exit code; EX_CONFIG, with every problem told, when its settings are not right.
 */
export async function serve(
  command: Command,
  input: CommandInput,
  context: CommandContext,
  run: Run,
): Promise<number> {
  const hasControlPipe = input.hidden.has('control-pipe');
  try {
    const environment = fromEnvironment(command.settings, context.env);
    const flags = Object.fromEntries(Object.entries(input.raw).filter(([, value]) => value !== undefined));
    return await run({ ...environment, ...flags }, async (service) => {
      return await runService(service, { hasControlPipe, print: context.terminal.line });
    });
  } catch (thrown) {
    if (!(thrown instanceof SettingsError)) throw thrown;
    for (const problem of thrown.problems) context.terminal.note(`wrtfarm ${command.name}: ${problem}`);
    context.terminal.note(`\`wrtfarm ${command.name} --help\` lists all settings`);
    return EXIT_CONFIG;
  }
}
