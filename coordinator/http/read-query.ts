import { type Static, type TNumberOptions, type TObject, type TStringOptions, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FieldProblems } from './field-problems.ts';
import { type IntegerRules, ownPattern, readInteger, readText, type TextRules } from './field-readers.ts';

/** An integer of a query, with its default. */
export function queryInteger(options: { min: number; max: number; default: number }) {
  return Type.Integer({ minimum: options.min, maximum: options.max, default: options.default });
}

/** A branch such as `24.10`; also the beginning of a version. */
export const BranchParameter = Type.Optional(
  Type.String({ pattern: '^[A-Za-z0-9.-]+$', maxLength: 32, description: 'a branch such as 24.10' }),
);

/**
 * The parameters of a query as its schema's type, defaults filled in: integers and texts. Unknown ones are ignored: LuCI
 * appends a number to every URL. Of repeated ones the last counts.
 * @throws FarmError `invalid_request` that becomes a 422 telling each parameter that is not valid.
 */
export function readQuery<T extends TObject>(schema: T, query: unknown): Static<T> {
  const given = new Map(Object.entries(query ?? {}));
  const problems = new FieldProblems('query');
  const read: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const value: unknown = [given.get(name)].flat().at(-1);
    if (value === undefined) continue;
    read[name] = Type.IsInteger(property)
      ? readInteger(problems, [name], value, integerRules({ ...property }))
      : readText(problems, [name], value, textRules({ ...property }));
  }
  problems.throwIfAny();
  return Value.Default(schema, read) as Static<T>;
}

function integerRules({ minimum, maximum }: TNumberOptions): IntegerRules {
  return {
    min: Number(minimum ?? Number.MIN_SAFE_INTEGER),
    max: Number(maximum ?? Number.MAX_SAFE_INTEGER),
  };
}

function textRules({ pattern, maxLength }: TStringOptions): TextRules {
  return {
    patterns: pattern === undefined ? [] : [ownPattern(new RegExp(pattern).source)],
    maxLength: maxLength ?? 1_000,
  };
}
