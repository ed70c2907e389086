import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';

/*
 * Settings of a program: one schema, read from `WRTFARM_*` variables and from flags of the same name
 * (`httpPort` is WRTFARM_HTTP_PORT and --http-port). Every property has a `description`; those with `secret: true` are
 * never shown.
 */

/** Exit code of a program that was configured wrongly. Source: EX_CONFIG in sysexits(3). */
export const EXIT_CONFIG = 78;

/** Everything that is wrong with a program's settings, one line each. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Values given by name of the setting; an array where a flag was repeated. */
export type RawSettings = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export function environmentName(setting: string): string {
  return `WRTFARM_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export function flagName(setting: string): string {
  return setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The settings that the environment gives. Throws `SettingsError` on a `WRTFARM_*` variable the schema does not know. */
export function fromEnvironment(
  schema: TObject,
  env: Readonly<Record<string, string | undefined>>,
): RawSettings {
  const byName = new Map(
    Object.keys(schema.properties).map((setting) => [environmentName(setting), setting]),
  );
  const raw: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('WRTFARM_') || value === undefined) continue;
    const setting = byName.get(name);
    if (setting) raw[setting] = value;
    else
      problems.push(`${name} is not a setting of this program; known are ${[...byName.keys()].join(', ')}`);
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return raw;
}

/**
 * Settings as the schema's type, frozen; what is missing takes its default. A string becomes the number, boolean or
 * comma-separated list that the schema asks for.
 * @throws SettingsError with every problem at once.
 */
export function parseSettings<T extends TObject>(schema: T, raw: RawSettings): Readonly<Static<T>> {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [setting, property] of Object.entries(schema.properties) as [string, TSchema][]) {
    const value = raw[setting];
    if (value === undefined || value === '') {
      if ('default' in property) given[setting] = structuredClone(property.default);
      else if (!Type.IsOptional(property)) {
        problems.push(
          `${environmentName(setting)} (--${flagName(setting)}) is required: ${describe(property)}`,
        );
      }
      continue;
    }
    const converted = convert(property, value);
    if (Value.Check(property, converted)) given[setting] = converted;
    else {
      const shown = isSecret(property) ? '' : `, not ${JSON.stringify(value)}`;
      const [first] = Value.Errors(property, converted);
      problems.push(
        `${environmentName(setting)} (--${flagName(setting)}) must be ${describe(property)}${shown}` +
          (first ? ` (${first.message})` : ''),
      );
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return Object.freeze(given as Static<T>);
}

/** Throws `SettingsError` unless a setting is a URL. Says nothing of its text, which may hold a password. */
export function requireUrl(setting: string, value: string): void {
  if (!URL.canParse(value)) {
    throw new SettingsError([
      `${environmentName(setting)} (--${flagName(setting)}) is not a URL that can be read`,
    ]);
  }
}

/** Settings as they may be shown: secrets replaced. */
export function withoutSecrets(
  schema: TObject,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([setting, value]) => {
      const property = schema.properties[setting];
      return [setting, property && isSecret(property) && value !== undefined ? '[secret]' : value];
    }),
  );
}

function convert(property: TSchema, value: string | boolean | readonly string[]): unknown {
  if (!('type' in property)) return value;
  if (property.type === 'array') {
    const parts = typeof value === 'object' ? value : String(value).split(',');
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }
  const single = typeof value === 'object' ? value.at(-1) : value;
  if (property.type === 'boolean') {
    return single === true || single === 'true' || single === '1'
      ? true
      : single === false || single === 'false' || single === '0'
        ? false
        : single;
  }
  if (property.type === 'integer' || property.type === 'number') {
    return typeof single === 'string' && /^-?\d+(\.\d+)?$/.test(single) ? Number(single) : single;
  }
  return single;
}

function describe(property: TSchema): string {
  return 'description' in property ? String(property.description) : 'of another form';
}

function isSecret(property: TSchema): boolean {
  return 'secret' in property && property.secret === true;
}
