import { parseArgs } from 'node:util';
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { environmentName, flagName, parseSettings, type RawSettings, SettingsError } from '../shared/env.ts';
import type { Command, CommandInput } from './command.ts';
import { closest } from './suggest.ts';

/** A flag as a schema's property describes it. */
export interface Flag {
  readonly setting: string;
  /** Without the dashes: `http-port`. */
  readonly name: string;
  readonly isBoolean: boolean;
  readonly isRepeatable: boolean;
  readonly isRequired: boolean;
  /** What stands for the value in help: `N`, `URL`, `VALUE`. */
  readonly placeholder: string;
  readonly description: string;
  /** Undefined where there is none, or an empty one. */
  readonly defaultValue: string | undefined;
  readonly environment: string;
}

/** The flags of a schema, in its order. */
export function flagsOf(schema: TObject): readonly Flag[] {
  return Object.entries(schema.properties as Record<string, TSchema>).map(([setting, property]) => {
    const facts: Readonly<Record<string, unknown>> = { ...property };
    const value = facts.default;
    const isBoolean = facts.type === 'boolean';
    return {
      setting,
      name: flagName(setting),
      isBoolean,
      isRepeatable: facts.type === 'array',
      isRequired: !('default' in facts) && !Type.IsOptional(property),
      placeholder: String(facts.placeholder ?? (facts.type === 'integer' ? 'N' : 'VALUE')),
      description: String(facts.description ?? ''),
      defaultValue: isBoolean || value === undefined || String(value) === '' ? undefined : String(value),
      environment: environmentName(setting),
    };
  });
}

/**
 * Reads the arguments of a command; values are not yet checked.
 * @throws SettingsError for a flag it does not have, naming the one that was probably meant.
 */
export function readArguments(command: Command, args: readonly string[]): CommandInput {
  const flags = flagsOf(command.settings);
  const hiddenFlags = command.hiddenFlags ?? [];
  const options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }> = {};
  for (const flag of flags) {
    options[flag.name] = { type: flag.isBoolean ? 'boolean' : 'string', multiple: flag.isRepeatable };
  }
  for (const name of hiddenFlags) options[name] = { type: 'boolean' };

  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: command.positionals !== undefined });
  } catch (thrown) {
    throw new SettingsError([explain(thrown, Object.keys(options))]);
  }
  const raw: Record<string, RawSettings[string]> = {};
  for (const flag of flags) raw[flag.setting] = parsed.values[flag.name] as RawSettings[string];
  return {
    raw,
    positionals: parsed.positionals,
    hidden: new Set(hiddenFlags.filter((name) => parsed.values[name] === true)),
  };
}

/** The flags of a command that reads no environment, checked. Throws `SettingsError` in the words of flags alone. */
export function parseFlags<T extends TObject>(schema: T, raw: RawSettings): Readonly<Static<T>> {
  try {
    return parseSettings(schema, raw);
  } catch (thrown) {
    if (!(thrown instanceof SettingsError)) throw thrown;
    throw new SettingsError(thrown.problems.map(inFlagWords));
  }
}

/** A problem as `parseSettings` words it, without the variable: `--agents "-1" must be >= 0 (agents to run)`. */
function inFlagWords(problem: string): string {
  return problem
    .replace(/^WRTFARM_\w+ \((--[\w-]+)\)/, '$1')
    .replace(/^(--[\w-]+) must be (.*), not (".*") \((.*)\)$/s, '$1 $3 $4 ($2)');
}

/** Node's words for a bad argument, in ours. Its codes: ERR_PARSE_ARGS_*, nodejs.org/api/errors.html. */
function explain(thrown: unknown, known: readonly string[]): string {
  if (!(thrown instanceof Error && 'code' in thrown)) throw thrown;
  if (thrown.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const given = /'(-[^']*)'/.exec(thrown.message)?.[1] ?? '';
    const meant = closest(given.replace(/^-+/, ''), known);
    return `there is no flag ${given}${meant ? `; did you mean --${meant}?` : ''}`;
  }
  if (thrown.code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
    const given = /'([^']*)'/.exec(thrown.message)?.[1] ?? '';
    return `"${given}" is one word too many: this command takes flags only`;
  }
  if (thrown.code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
    const flag = /'(?:-\w, )?(--[\w-]+)/.exec(thrown.message)?.[1] ?? 'a flag';
    return thrown.message.includes('does not take')
      ? `${flag} takes no value`
      : `${flag} needs a value; one that begins with a dash is given as ${flag}=-value`;
  }
  throw thrown;
}
