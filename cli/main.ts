import { SettingsError } from '../shared/env.ts';
import { hasCode, messageOf } from '../shared/errors.ts';
import { packageVersion } from '../shared/package-root.ts';
import { type Command, EXIT_USAGE } from './command.ts';
import { readArguments } from './flags.ts';
import { closest } from './suggest.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { helpText, overviewText } from './usage.ts';

/** Each command by name, loaded when it is asked for: `wrtfarm help` need not load a coordinator. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo.ts')).demo,
  up: async () => (await import('./up.ts')).up,
  build: async () => (await import('./build.ts')).build,
  admin: async () => (await import('./admin.ts')).admin,
  coordinator: async () => (await import('./coordinator.ts')).coordinator,
  agent: async () => (await import('./agent.ts')).agent,
  test: async () => (await import('./test.ts')).test,
};

/** Runs one command line, without the two words before it. @returns the exit code. */
async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name = 'help', ...rest] = args;
  if (name === 'version' || name === '--version' || name === '-V') {
    terminal.line(`wrtfarm ${packageVersion()}`);
    return 0;
  }
  const isHelp = name === 'help' || name === '--help' || name === '-h';
  const wanted = isHelp ? rest[0] : name;
  if (wanted === undefined) {
    const commands = await Promise.all(Object.values(COMMANDS).map(async (load) => await load()));
    terminal.line(overviewText(commands));
    return args.length === 0 ? EXIT_USAGE : 0;
  }
  const load = Object.hasOwn(COMMANDS, wanted) ? COMMANDS[wanted] : undefined;
  if (!load) {
    const meant = closest(wanted, [...Object.keys(COMMANDS), 'help', 'version']);
    terminal.note(
      `wrtfarm: there is no command "${wanted}"${meant ? `; did you mean "${meant}"?` : ''}\n` +
        '`wrtfarm help` lists the commands',
    );
    return EXIT_USAGE;
  }
  const command = await load();
  if (isHelp || asksForHelp(rest)) {
    terminal.line(helpText(command, Math.min(terminal.columns, 110)));
    return 0;
  }
  return await command.run(readArguments(command, rest), { terminal, env: process.env });
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const flags = end < 0 ? args : args.slice(0, end);
  return flags.includes('--help') || flags.includes('-h');
}

/** An error as one readable block: what happened, and below it what was behind it. */
function report(thrown: unknown, terminal: Terminal, isVerbose: boolean): number {
  terminal.status(undefined);
  if (thrown instanceof SettingsError) {
    for (const problem of thrown.problems) terminal.note(`wrtfarm: ${problem}`);
    return EXIT_USAGE;
  }
  if (isVerbose) console.error(thrown);
  else {
    terminal.note(`wrtfarm: ${messageOf(thrown)}`);
    const seen = [messageOf(thrown)];
    for (let cause = causeOf(thrown); cause !== undefined; cause = causeOf(cause)) {
      const text = messageOf(cause);
      if (text !== '' && !seen.some((line) => line.includes(text))) terminal.note(`  because: ${text}`);
      seen.push(text);
    }
  }
  return hasCode(thrown, 'cancelled') ? 130 : 1;
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? thrown.cause : undefined;
}

// A reader that went away (`wrtfarm up | head -1`) is no reason to leave work half done.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const isVerbose = process.argv.includes('--verbose');
const terminal = createTerminal(process.stdout, process.stderr, process.env);
try {
  process.exitCode = await main(
    process.argv.slice(2).filter((argument) => argument !== '--verbose'),
    terminal,
  );
} catch (thrown) {
  process.exitCode = report(thrown, terminal, isVerbose);
}
// Whatever a stopped part left open must not keep the process: an unfinished close is what exit codes told of.
process.exit();
