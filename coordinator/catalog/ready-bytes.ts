/** Answers as bytes, made anew only when what they are made of changes; the least recently used are forgotten first. */
export class ReadyBytes {
  readonly #maxBytes: number;
  /** In the order of use, the least recent first. */
  readonly #made = new Map<string, { readonly from: readonly unknown[]; readonly bytes: Buffer }>();
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The bytes under `key`, from memory when they were made of these very objects.
   * @param make must depend on nothing but `key` and `from`.
   */
  async get(key: string, from: readonly unknown[], make: () => unknown | Promise<unknown>): Promise<Buffer> {
    const known = this.#made.get(key);
    if (known && isSame(known.from, from)) {
      this.#made.delete(key);
      this.#made.set(key, known);
      return known.bytes;
    }
    const bytes = Buffer.from(JSON.stringify(await make()));
    this.#sizeBytes += bytes.byteLength - (this.#made.get(key)?.bytes.byteLength ?? 0);
    this.#made.delete(key);
    this.#made.set(key, { from, bytes });
    for (const [oldest, { bytes: forgotten }] of this.#made) {
      if (this.#sizeBytes <= this.#maxBytes || oldest === key) break;
      this.#made.delete(oldest);
      this.#sizeBytes -= forgotten.byteLength;
    }
    return bytes;
  }
}

function isSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((each, at) => each === right[at]);
}
