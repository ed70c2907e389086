import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { FarmError } from './errors.ts';

/**
 * An unknown value as the type of its schema, unknown fields dropped: how every message is read.
 * @param what named in the error, such as `pull`.
 * @throws FarmError `invalid_request`, naming the first offending path.
 */
export function parseAs<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  const cleaned = Value.Clean(schema, structuredClone(value));
  if (Value.Check(schema, cleaned)) return cleaned as Static<T>;
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
