import type { FieldProblems } from './field-problems.ts';

/*
 * Reads single values as leniently as pydantic's lax mode and tells what is wrong in its words (contract 2.2, 2.3). Each
 * reader returns undefined after adding a problem.
 */

type Loc = readonly (string | number)[];

/** A pattern as clients are told it, and what is really tested: `\w` of Python knows all alphabets. */
export interface TextPattern {
  readonly shown: string;
  readonly test: RegExp;
}

/** A Python pattern, fully anchored; only `\w` inside of character classes is translated. */
export function pythonPattern(shown: string): TextPattern {
  return { shown, test: new RegExp(shown.replaceAll('\\w', '\\p{L}\\p{N}_'), 'u') };
}

/** One of our own patterns. */
export function ownPattern(shown: string): TextPattern {
  return { shown, test: new RegExp(shown) };
}

export interface TextRules {
  /** All must match; the first that does not is told. */
  readonly patterns: readonly TextPattern[];
  /** In characters, not UTF-16 units. */
  readonly maxLength: number;
  /** Fits only what keeps all of these rules, and nearly all that does: spares the slower tests. */
  readonly usual?: RegExp;
}

/** Whether a value keeps the rules, as far as that can be told fast. */
export function isUsual(value: unknown, rules: TextRules): value is string {
  return typeof value === 'string' && rules.usual?.test(value) === true;
}

export function readText(
  problems: FieldProblems,
  loc: Loc,
  value: unknown,
  rules: TextRules,
): string | undefined {
  if (isUsual(value, rules)) return value;
  if (typeof value !== 'string')
    return problems.add('string_type', loc, 'Input should be a valid string', value);
  if (/\p{Surrogate}/u.test(value)) {
    const msg = 'Input should be a valid string, unable to parse raw data as a unicode string';
    return problems.add('string_unicode', loc, msg, null);
  }
  if (value.length > rules.maxLength && [...value].length > rules.maxLength) {
    const msg = `String should have at most ${rules.maxLength} characters`;
    return problems.add('string_too_long', loc, msg, value, { max_length: rules.maxLength });
  }
  const failed = rules.patterns.find((pattern) => !pattern.test.test(value));
  if (!failed) return value;
  const msg = `String should match pattern '${failed.shown}'`;
  return problems.add('string_pattern_mismatch', loc, msg, value, { pattern: failed.shown });
}

export interface IntegerRules {
  readonly min: number;
  readonly max: number;
}

/** Also whole floats, booleans and strings of digits. */
export function readInteger(
  problems: FieldProblems,
  loc: Loc,
  value: unknown,
  { min, max }: IntegerRules,
): number | undefined {
  const number = toNumber(value);
  if (number === undefined) {
    return typeof value === 'string'
      ? problems.add(
          'int_parsing',
          loc,
          'Input should be a valid integer, unable to parse string as an integer',
          value,
        )
      : problems.add('int_type', loc, 'Input should be a valid integer', value);
  }
  if (!Number.isFinite(number)) {
    return problems.add('finite_number', loc, 'Input should be a finite number', String(value));
  }
  if (!Number.isInteger(number)) {
    const msg = 'Input should be a valid integer, got a number with a fractional part';
    return problems.add('int_from_float', loc, msg, value);
  }
  if (number < min) {
    const msg = `Input should be greater than or equal to ${min}`;
    return problems.add('greater_than_equal', loc, msg, value, { ge: min });
  }
  if (number > max) {
    const msg = `Input should be less than or equal to ${max}`;
    return problems.add('less_than_equal', loc, msg, value, { le: max });
  }
  return number;
}

function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' && /^\s*[+-]?\d{1,400}(\.0+)?\s*$/.test(value)) return Number(value);
  return undefined;
}

const TRUE_WORDS = ['true', 'on', 'yes', 'y', 't', '1'];
const FALSE_WORDS = ['false', 'off', 'no', 'n', 'f', '0'];
/** Texts that are read as yes or no, whatever the case of their letters. */
export const TRUTH_WORDS: readonly string[] = [...TRUE_WORDS, ...FALSE_WORDS];

/** Also the words and numbers that mean yes or no. */
export function readBoolean(problems: FieldProblems, loc: Loc, value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' && typeof value !== 'number') {
    return problems.add('bool_type', loc, 'Input should be a valid boolean', value);
  }
  const word = String(value).toLowerCase();
  if (TRUE_WORDS.includes(word)) return true;
  if (FALSE_WORDS.includes(word)) return false;
  const msg = 'Input should be a valid boolean, unable to interpret input';
  return problems.add('bool_parsing', loc, msg, value);
}

export function readLiteral<T extends string>(
  problems: FieldProblems,
  loc: Loc,
  value: unknown,
  literals: readonly T[],
): T | undefined {
  const found = literals.find((literal) => literal === value);
  if (found !== undefined) return found;
  const quoted = literals.map((literal) => `'${literal}'`);
  const expected = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return problems.add('literal_error', loc, `Input should be ${expected}`, value, { expected });
}

/** A list with its items unread; undefined when it is none or has too many. */
export function readList(
  problems: FieldProblems,
  loc: Loc,
  value: unknown,
  maxItems: number,
): readonly unknown[] | undefined {
  if (!Array.isArray(value)) return problems.add('list_type', loc, 'Input should be a valid list', value);
  return value.length <= maxItems ? value : tooLong(problems, loc, 'List', maxItems, value.length);
}

/** The entries of an object, unread; undefined when it is none or has too many. */
export function readEntries(
  problems: FieldProblems,
  loc: Loc,
  value: unknown,
  maxItems: number,
): readonly (readonly [string, unknown])[] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return problems.add('dict_type', loc, 'Input should be a valid dictionary', value);
  }
  const entries = Object.entries(value);
  return entries.length <= maxItems
    ? entries
    : tooLong(problems, loc, 'Dictionary', maxItems, entries.length);
}

function tooLong(
  problems: FieldProblems,
  loc: Loc,
  kind: string,
  maxItems: number,
  items: number,
): undefined {
  const msg = `${kind} should have at most ${maxItems} items after validation, not ${items}`;
  const ctx = { field_type: kind, max_length: maxItems, actual_length: items };
  return problems.add('too_long', loc, msg, null, ctx);
}
