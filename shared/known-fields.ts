import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';

/** Copies a value without the fields its schema does not know; what does not fit the schema comes out as it is. */
export type KnownFields = (value: unknown) => unknown;

/**
 * What `Value.Clean` does to a copy, prepared once for a schema: `Value.Clean` sorts the schema anew at every call, which is
 * most of what reading a message costs.
 */
export function knownFieldsOf(schema: TSchema): KnownFields {
  if (Type.IsArray(schema)) {
    const ofItem = knownFieldsOf(schema.items);
    return (value) => (Array.isArray(value) ? value.map(ofItem) : copyOf(value));
  }
  if (Type.IsObject(schema) && !('additionalProperties' in schema))
    return knownFieldsOfObject(schema.properties);
  return (value) => (isComposite(value) ? Value.Clean(schema, structuredClone(value)) : value);
}

function knownFieldsOfObject(properties: Readonly<Record<string, TSchema>>): KnownFields {
  const readers = new Map(Object.entries(properties).map(([name, each]) => [name, knownFieldsOf(each)]));
  return (value) => {
    if (!isComposite(value) || Array.isArray(value)) return copyOf(value);
    const known: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(value)) {
      const reader = readers.get(name);
      if (reader) known[name] = reader(field);
    }
    return known;
  };
}

function copyOf(value: unknown): unknown {
  return isComposite(value) ? structuredClone(value) : value;
}

function isComposite(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
