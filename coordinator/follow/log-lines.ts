import { advance, type LogPosition } from './log-position.ts';

/** A longer line is told in parts, bytes. */
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Whole lines of a log, and the position behind them. */
export interface LinesRead {
  readonly lines: readonly string[];
  readonly end: LogPosition;
}

/**
 * Makes lines of a log's bytes, however these are cut. The rest of a line waits for its end, so whoever goes on at the
 * position told has lost no byte and sees none twice. A carriage return ends a line too: that is how progress is shown.
 */
export class LogLines {
  #rest: Buffer = Buffer.alloc(0);
  #end: LogPosition | undefined;

  /** @param start where `bytes` begin. Undefined while no line has ended. */
  push(bytes: Buffer, start: LogPosition): LinesRead | undefined {
    const held = this.#rest.length;
    const all = held === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let length = all.lastIndexOf(NEWLINE) + 1;
    if (all.length - length > MAX_LINE_BYTES) length = characterEnd(all);
    // A cut within what was held already would be in an earlier chunk.
    if (length <= held) {
      this.#hold(all, this.#end ?? start);
      return undefined;
    }
    const end = advance(start, length - held);
    this.#hold(all.subarray(length), end);
    return { lines: linesOf(all.subarray(0, length)), end };
  }

  /** What is left of a log that ends here. */
  flush(): LinesRead | undefined {
    const [rest, end] = [this.#rest, this.#end];
    this.#rest = Buffer.alloc(0);
    this.#end = undefined;
    return rest.length === 0 || !end ? undefined : { lines: linesOf(rest), end: advance(end, rest.length) };
  }

  /** A copy: a view would keep the whole chunk. */
  #hold(rest: Buffer, end: LogPosition): void {
    this.#rest = Buffer.from(rest);
    this.#end = end;
  }
}

function linesOf(bytes: Buffer): readonly string[] {
  const lines = bytes.toString('utf8').split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Where the last character that is whole ends. Source: RFC 3629, section 3. */
function characterEnd(bytes: Buffer): number {
  for (let back = 1; back <= 3; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return size > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
