import type { TObject } from 'typebox';
import type { RawSettings } from '../shared/env.ts';
import type { Terminal } from './terminal.ts';

/** Exit code of a command line that was not understood. Source: EX_USAGE in sysexits(3). */
export const EXIT_USAGE = 64;

/** One command of `wrtfarm`. */
export interface Command {
  readonly name: string;
  /** One line for `wrtfarm help`. */
  readonly summary: string;
  /** Further text for `--help`: what it does, what to expect. */
  readonly about: string;
  /** Its flags, with defaults and descriptions. */
  readonly settings: TObject;
  /** Flags that work but are not told of. */
  readonly hiddenFlags?: readonly string[];
  /** True when each flag may also come as a `WRTFARM_*` variable. */
  readonly readsEnvironment?: boolean;
  /** What may stand beside the flags, such as `[NAME …]`; without it nothing may. */
  readonly positionals?: string;
  /** Runs until done or stopped. @returns the exit code. */
  run(input: CommandInput, context: CommandContext): Promise<number>;
}

/** What stood on the command line. */
export interface CommandInput {
  /** By name of the setting; not yet checked against the schema. */
  readonly raw: RawSettings;
  readonly positionals: readonly string[];
  /** Those of `hiddenFlags` that were given. */
  readonly hidden: ReadonlySet<string>;
}

/** What a command may touch of the process it runs in. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}
