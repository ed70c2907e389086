/*
 * JSON as programs in C read it with libubox: a field of another type than they expect is absent. Contract 1.4.
 */

export type Table = Readonly<Record<string, unknown>>;

export function asTable(value: unknown): Table | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : undefined;
}

export function textIn(table: Table | undefined, key: string): string | undefined {
  const value = table?.[key];
  return typeof value === 'string' ? value : undefined;
}

export function integerIn(table: Table | undefined, key: string): number | undefined {
  const value = table?.[key];
  return Number.isInteger(value) ? (value as number) : undefined;
}

export function truthIn(table: Table | undefined, key: string): boolean | undefined {
  const value = table?.[key];
  return typeof value === 'boolean' ? value : undefined;
}

export function tableIn(table: Table | undefined, key: string): Table | undefined {
  return asTable(table?.[key]);
}

export function arrayIn(table: Table | undefined, key: string): readonly unknown[] | undefined {
  const value = table?.[key];
  return Array.isArray(value) ? value : undefined;
}

/** The texts of an array, whatever else is in it left out. */
export function textsIn(table: Table | undefined, key: string): readonly string[] | undefined {
  return arrayIn(table, key)?.filter((each) => typeof each === 'string');
}

/** The texts of a table by their keys, whatever else is in it left out. */
export function textsByKey(table: Table | undefined): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(table ?? {}).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}

/** A reply's body as a table; undefined when it is no JSON object. */
export function parseTable(text: string): Table | undefined {
  try {
    return asTable(JSON.parse(text));
  } catch {
    return undefined;
  }
}
