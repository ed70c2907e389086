import { MAX_WEIGHT } from '../scheduling/fair-order.ts';

/** How a key is written in the settings: `name:key` or `name:key:weight`. The key is what a header can hold. */
export const API_KEY_PATTERN = '^[\\w.-]{1,64}:[\\w.~+/=-]{16,}(:[1-9]\\d{0,3})?$';

/** Lets a script ask under a name of its own instead of its address. */
export interface ApiKey {
  /** Of the client; several keys may share it, as while one replaces the other. */
  readonly name: string;
  readonly key: string;
  /** 1 to `MAX_WEIGHT`; 1 where none is told. */
  readonly weight: number;
}

/**
 * The keys of the settings.
 * @param entries each matches `API_KEY_PATTERN`.
 * @throws RangeError that says what is wrong, without any key in it.
 */
export function parseApiKeys(entries: readonly string[]): readonly ApiKey[] {
  const keys = entries.map((entry): ApiKey => {
    const [name = '', key = '', weight = '1'] = entry.split(':');
    return { name, key, weight: Number(weight) };
  });
  const names = new Map<string, string>();
  for (const { name, key, weight } of keys) {
    if (weight > MAX_WEIGHT) throw new RangeError(`the weight of ${name} is above ${MAX_WEIGHT}`);
    const other = names.get(key);
    if (other !== undefined) throw new RangeError(`${other} and ${name} have the same key`);
    names.set(key, name);
  }
  return keys;
}
