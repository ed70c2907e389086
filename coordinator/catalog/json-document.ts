import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/**
 * Reads JSON bytes as a schema's type; fields the schema does not know are kept.
 * @throws Error naming the first offending path, for whoever fetched the bytes to wrap.
 */
export function parseJsonDocument<T extends TSchema>(schema: T, bytes: Buffer): Static<T> {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (Value.Check(schema, value)) return value as Static<T>;
  const [first] = Value.Errors(schema, value);
  throw new Error(
    `not of the expected form at ${first?.instancePath || '/'}: ${first?.message ?? 'unknown'}`,
  );
}
