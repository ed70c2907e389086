import type { Distribution } from './distribution.ts';

/** Package names of one folder or more. */
export interface PackageNames {
  has(name: string): boolean;
}

/** Package names that can be told one by one. */
export interface NameSet extends PackageNames, Iterable<string> {
  readonly size: number;
}

/**
 * Numbers for package names, so that a set of them is one bit each. A release has the same ten thousand names for three dozen
 * architectures; as sets of texts six releases would weigh more than all else of a coordinator.
 */
export class NameTable {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];

  setOf(names: Iterable<string>): NameSet {
    const numbers = new Set<number>();
    let largest = -1;
    for (const name of names) {
      const number = this.#numberOf(name);
      numbers.add(number);
      largest = Math.max(largest, number);
    }
    const bits = new Uint32Array((largest >>> 5) + 1);
    for (const number of numbers) bits[number >>> 5] = (bits[number >>> 5] ?? 0) | (1 << (number & 31));
    const has = (number: number): boolean => ((bits[number >>> 5] ?? 0) & (1 << (number & 31))) !== 0;
    const [known, all] = [this.#numbers, this.#names];
    return {
      size: numbers.size,
      has: (name) => {
        const number = known.get(name);
        return number !== undefined && has(number);
      },
      *[Symbol.iterator]() {
        for (let number = 0; number <= largest; number += 1) {
          const name = all[number];
          if (name !== undefined && has(number)) yield name;
        }
      },
    };
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    // A copy: a piece of a text keeps all of it in memory, and an index has megabytes.
    const own = Buffer.from(name).toString();
    this.#names.push(own);
    this.#numbers.set(own, this.#names.length - 1);
    return this.#names.length - 1;
  }
}

const TABLES = new WeakMap<Distribution, NameTable>();

/** The numbers for a distribution's packages: it has nearly the same ones in all of its releases. */
export function nameTableOf(distribution: Distribution): NameTable {
  const table = TABLES.get(distribution) ?? new NameTable();
  TABLES.set(distribution, table);
  return table;
}
