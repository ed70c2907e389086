import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { FarmError } from './errors.ts';
import { type KnownFields, knownFieldsOf } from './known-fields.ts';

interface Reader {
  readonly knownFields: KnownFields;
  readonly fits: (value: unknown) => boolean;
}

/** Made when a schema is first read with, which takes a millisecond or two: schemas are constants. */
const READERS = new WeakMap<TSchema, Reader>();

/**
 * An unknown value as the type of its schema, unknown fields dropped: how every message is read.
 * @param what named in the error, such as `pull`.
 * @throws FarmError `invalid_request`, naming the first offending path.
 */
export function parseAs<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  const { knownFields, fits } = readerOf(schema);
  const cleaned = knownFields(value);
  if (fits(cleaned)) return cleaned as Static<T>;
  const [first] = Value.Errors(schema, cleaned);
  throw new FarmError(
    'invalid_request',
    `${what} is not valid at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown'}`,
  );
}

/** As `parseAs`, from JSON text. */
export function parseJsonAs<T extends TSchema>(schema: T, text: string, what: string): Static<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FarmError('invalid_request', `${what} is not JSON`, { cause });
  }
  return parseAs(schema, value, what);
}

function readerOf(schema: TSchema): Reader {
  let reader = READERS.get(schema);
  if (!reader) {
    const compiled = Compile(schema);
    reader = { knownFields: knownFieldsOf(schema), fits: (value) => compiled.Check(value) };
    READERS.set(schema, reader);
  }
  return reader;
}
