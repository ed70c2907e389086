import { type TObject, type TSchema, Type } from 'typebox';
import type { FieldProblems } from './field-problems.ts';

/** Reads one value at its place in the body; adds a problem and returns undefined when it cannot. */
export type Reader<T> = (
  problems: FieldProblems,
  loc: readonly (string | number)[],
  value: unknown,
) => T | undefined;

/** A reader that also says, as a JSON schema, what it takes. */
export interface DescribedReader<T> extends Reader<T> {
  readonly schema: TSchema;
}

export function described<T>(schema: TSchema, reader: Reader<T>): DescribedReader<T> {
  return Object.assign(reader.bind(undefined), { schema });
}

/** Where typed fields come from: a request, or nowhere, to learn which there are. */
export interface FieldSource {
  /** A key that must be there. */
  required<T>(key: string, reader: DescribedReader<T>, placeholder: T): T;
  /** A key that may be left out, but not be null. */
  optional<T>(key: string, reader: DescribedReader<T>, fallback: T): T;
  /** A key that may be left out or null. */
  nullable<T>(key: string, reader: DescribedReader<T>): T | null;
}

/**
 * The keys of a JSON object as typed fields. A field with a problem reads as its default: what was read counts only after
 * `problems.throwIfAny()`.
 */
export class RequestModel implements FieldSource {
  readonly #problems: FieldProblems;
  readonly #body: Readonly<Record<string, unknown>>;

  constructor(problems: FieldProblems, body: object) {
    this.#problems = problems;
    this.#body = body as Readonly<Record<string, unknown>>;
  }

  required<T>(key: string, reader: Reader<T>, placeholder: T): T {
    if (Object.hasOwn(this.#body, key)) return this.#read(key, reader, placeholder);
    this.#problems.add('missing', [key], 'Field required', this.#body);
    return placeholder;
  }

  optional<T>(key: string, reader: Reader<T>, fallback: T): T {
    return Object.hasOwn(this.#body, key) ? this.#read(key, reader, fallback) : fallback;
  }

  nullable<T>(key: string, reader: Reader<T>): T | null {
    const isThere = Object.hasOwn(this.#body, key) && this.#body[key] !== null;
    return isThere ? this.#read<T | null>(key, reader, null) : null;
  }

  #read<T>(key: string, reader: Reader<T>, fallback: T): T {
    return reader(this.#problems, [key], this.#body[key]) ?? fallback;
  }
}

/** Gives every field its fallback and keeps what its reader takes: the schema of exactly what is read. */
export class ModelSchema implements FieldSource {
  readonly #properties: Record<string, TSchema> = {};

  required<T>(key: string, reader: DescribedReader<T>, placeholder: T): T {
    this.#properties[key] = reader.schema;
    return placeholder;
  }

  optional<T>(key: string, reader: DescribedReader<T>, fallback: T): T {
    this.#properties[key] = Type.Optional(Type.Union([reader.schema], { default: fallback }));
    return fallback;
  }

  nullable<T>(key: string, reader: DescribedReader<T>): T | null {
    this.#properties[key] = Type.Optional(Type.Union([reader.schema, Type.Null()], { default: null }));
    return null;
  }

  /** All fields read so far, in their order; further keys are ignored. */
  schema(): TObject {
    return Type.Object(this.#properties);
  }
}
