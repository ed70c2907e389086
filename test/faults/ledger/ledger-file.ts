import { type FileHandle, open, readFile } from 'node:fs/promises';

/** One line of what the client wrote down. Times are epoch milliseconds. */
export type LedgerLine =
  /** A request was answered with its hash: from here on the farm owes its end. */
  | AnswerLine
  /** The farm is asked to give a build up (status 0), and what it answered. */
  | { readonly kind: 'cancel'; readonly at: number; readonly hash: string; readonly status: number }
  /** An answer that no client should get. */
  | { readonly kind: 'wrong'; readonly at: number; readonly hash: string; readonly what: string }
  /** No answer: refused, cut off, or none in time. */
  | { readonly kind: 'silence'; readonly at: number; readonly coordinator: number }
  | { readonly kind: 'end'; readonly at: number; readonly open: number };

export interface AnswerLine {
  readonly kind: 'accepted' | 'again' | 'answer';
  readonly at: number;
  readonly coordinator: number;
  /** Number of the request. */
  readonly n: number;
  readonly hash: string;
  readonly status: number;
  /** `queued`, a stage, `done`, or why it failed. */
  readonly said: string;
  /** Epoch milliseconds, as the farm tells it. */
  readonly enqueuedAt?: number;
  /** Of a final answer. */
  readonly binDir?: string;
}

/** Writes a ledger, a line at a time; what was written is on its way to the disk when `write` returns. */
export class LedgerWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<LedgerWriter> {
    return new LedgerWriter(await open(path, 'a'));
  }

  write(line: LedgerLine): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#writing = this.#writing.then(() => this.#file.appendFile(text));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }
}

export async function readLedger(path: string): Promise<readonly LedgerLine[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerLine);
}
