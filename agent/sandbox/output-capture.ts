export interface OutputCaptureOptions {
  /** Bytes kept from the beginning. */
  readonly headBytes: number;
  /** Bytes kept from the end. */
  readonly tailBytes: number;
}

/** Keeps the beginning and the end of what a process wrote, so that endless output costs bounded memory. */
export class OutputCapture {
  readonly #options: OutputCaptureOptions;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #totalBytes = 0;

  constructor(options: OutputCaptureOptions) {
    this.#options = options;
  }

  write(chunk: Buffer): void {
    this.#totalBytes += chunk.length;
    const wanted = Math.min(chunk.length, this.#options.headBytes - this.#headBytes);
    if (wanted > 0) {
      this.#head.push(chunk.subarray(0, wanted));
      this.#headBytes += wanted;
    }
    this.#tail.push(chunk);
    this.#tailBytes += chunk.length;
    if (this.#tailBytes > 2 * this.#options.tailBytes) this.#shrinkTail();
  }

  /** Everything that was written, bytes. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether the tail is all there was. */
  get isComplete(): boolean {
    return this.#totalBytes <= this.#options.tailBytes;
  }

  /** The last `tailBytes` at most, as valid UTF-8 that begins with a whole character. */
  tail(): string {
    this.#shrinkTail();
    const bytes = Buffer.concat(this.#tail);
    return bytes.subarray(this.isComplete ? 0 : characterStart(bytes)).toString('utf8');
  }

  /** All of it when it fits; else its beginning and its end on separate lines. */
  headAndTail(): string {
    if (this.isComplete) return this.tail();
    return `${Buffer.concat(this.#head).toString('utf8')}\n${this.tail()}`;
  }

  #shrinkTail(): void {
    if (this.#tailBytes <= this.#options.tailBytes) return;
    const bytes = Buffer.concat(this.#tail);
    this.#tail = [bytes.subarray(bytes.length - this.#options.tailBytes)];
    this.#tailBytes = this.#options.tailBytes;
  }
}

/** Where the first whole UTF-8 character begins: at most three continuation bytes are passed over. */
function characterStart(bytes: Buffer): number {
  let at = 0;
  while (at < 3 && at < bytes.length && ((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1;
  return at;
}
