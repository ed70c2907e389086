import { StringDecoder } from 'node:string_decoder';

/** The log of an attempt as one text: what the agent does, and all that make says, as it comes, up to a limit. */
export class BuildLog {
  readonly #onText: (text: string) => void;
  readonly #maxBytes: number;
  #bytes = 0;
  #endsLine = true;
  #isCut = false;

  /** @param maxBytes log beyond this many bytes is dropped, with a note in its place. */
  constructor(onText: (text: string) => void, maxBytes: number) {
    this.#onText = onText;
    this.#maxBytes = maxBytes;
  }

  /** A line of the agent's own, set apart from make's output. */
  heading(text: string): void {
    this.#write(`${this.#endsLine ? '' : '\n'}--- ${text}\n`);
  }

  /** Takes one stream of make's output: valid UTF-8 comes out however its bytes are cut. Call `end` when it ended. */
  stream(): { write(chunk: Buffer): void; end(): void } {
    const decoder = new StringDecoder('utf8');
    return {
      write: (chunk) => this.#write(decoder.write(chunk)),
      end: () => this.#write(decoder.end()),
    };
  }

  #write(text: string): void {
    if (text === '' || this.#isCut) return;
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > this.#maxBytes) {
      this.#isCut = true;
      this.#onText(
        `${this.#endsLine ? '' : '\n'}--- the log is longer than ${this.#maxBytes} bytes; the rest is dropped\n`,
      );
      return;
    }
    this.#endsLine = text.endsWith('\n');
    this.#onText(text);
  }
}

/** A command as one line for people: arguments that hold more than plain characters are quoted. */
export function commandLine(argv: readonly string[]): string {
  return argv
    .map((argument) =>
      /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`,
    )
    .join(' ');
}
