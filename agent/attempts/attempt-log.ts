import { type FileHandle, open } from 'node:fs/promises';
import { MAX_LOG_CHUNK_BYTES } from '../../shared/attempt-protocol.ts';
import { writeAll } from '../../shared/write-all.ts';

/** A line is sent at the latest this long after it was written, milliseconds. */
const FLUSH_MS = 150;

/**
 * The log of one attempt: a file, cut into numbered chunks that are read again when the coordinator has to have them
 * again. Memory holds offsets only, so a slow or absent coordinator costs nothing. Closed by `close`.
 */
export class AttemptLog {
  readonly path: string;
  readonly #file: FileHandle;
  readonly #onChunk: () => void;
  /** End offset of each chunk in the file. */
  readonly #ends: number[] = [];
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, file: FileHandle, onChunk: () => void) {
    this.path = path;
    this.#file = file;
    this.#onChunk = onChunk;
  }

  /** @param onChunk told of each chunk that can be read. */
  static async create(path: string, onChunk: () => void): Promise<AttemptLog> {
    return new AttemptLog(path, await open(path, 'w+'), onChunk);
  }

  /** How many chunks can be read. */
  get chunkCount(): number {
    return this.#ends.length;
  }

  append(text: string): void {
    const bytes = Buffer.from(text);
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= MAX_LOG_CHUNK_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  async readChunk(index: number): Promise<Buffer> {
    const start = this.#ends[index - 1] ?? 0;
    const end = this.#ends[index];
    if (end === undefined) throw new RangeError(`chunk ${index} of ${this.#ends.length}`);
    const { buffer } = await this.#file.read(Buffer.alloc(end - start), 0, end - start, start);
    return buffer;
  }

  /** Resolves when all that was appended can be read. Throws what kept it from being written. */
  async settle(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  /** Closes the file, whatever became of the log. */
  async close(): Promise<void> {
    await this.settle().catch(() => undefined);
    await this.#file.close();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pendingBytes === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writing = this.#writing.then(() => this.#write(bytes));
    // Told by `settle`; until then a full disk must not end the agent.
    this.#writing.catch(() => undefined);
  }

  async #write(bytes: Buffer): Promise<void> {
    let start = this.#ends.at(-1) ?? 0;
    await writeAll(this.#file, bytes, start);
    const end = start + bytes.length;
    for (let at = 0; start < end; ) {
      const length = chunkLength(bytes.subarray(at));
      at += length;
      start += length;
      this.#ends.push(start);
    }
    this.#onChunk();
  }
}

/** As much as fits a chunk, ending where a line ends if one does. */
function chunkLength(bytes: Buffer): number {
  if (bytes.length <= MAX_LOG_CHUNK_BYTES) return bytes.length;
  const lineEnd = bytes.lastIndexOf(0x0a, MAX_LOG_CHUNK_BYTES - 1);
  return lineEnd >= 0 ? lineEnd + 1 : MAX_LOG_CHUNK_BYTES;
}
