import type { FieldProblems } from './field-problems.ts';

/** Reads one value at its place in the body; adds a problem and returns undefined when it cannot. */
export type Reader<T> = (
  problems: FieldProblems,
  loc: readonly (string | number)[],
  value: unknown,
) => T | undefined;

/**
 * The keys of a JSON object as typed fields. A field with a problem reads as its default: what was read counts only after
 * `problems.throwIfAny()`.
 */
export class RequestModel {
  readonly #problems: FieldProblems;
  readonly #body: object;
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(problems: FieldProblems, body: object) {
    this.#problems = problems;
    this.#body = body;
    this.#values = new Map(Object.entries(body));
  }

  /** A key that must be there. */
  required<T>(key: string, reader: Reader<T>, placeholder: T): T {
    if (this.#values.has(key)) return this.#read(key, reader, placeholder);
    this.#problems.add('missing', [key], 'Field required', this.#body);
    return placeholder;
  }

  /** A key that may be left out, but not be null. */
  optional<T>(key: string, reader: Reader<T>, fallback: T): T {
    return this.#values.has(key) ? this.#read(key, reader, fallback) : fallback;
  }

  /** A key that may be left out or null. */
  nullable<T>(key: string, reader: Reader<T>): T | null {
    return (this.#values.get(key) ?? null) === null ? null : this.#read<T | null>(key, reader, null);
  }

  #read<T>(key: string, reader: Reader<T>, fallback: T): T {
    return reader(this.#problems, [key], this.#values.get(key)) ?? fallback;
  }
}
