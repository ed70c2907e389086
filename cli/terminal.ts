import { styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'green' | 'red' | 'cyan';

/** Where a command speaks. */
export interface Terminal {
  /** True when a person watches standard output: only then is anything drawn over. */
  readonly isInteractive: boolean;
  /** Characters in a row. */
  readonly columns: number;
  /** A line of the result, on standard output. */
  line(text: string): void;
  /** A line for people, on standard error. */
  note(text: string): void;
  /** Keeps a line below all others until it is replaced; `undefined` takes it away. Does nothing unless interactive. */
  status(text: string | undefined): void;
  /** The text in a colour, where colours are shown. */
  paint(paint: Paint, text: string): string;
}

type Output = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

const CLEAR_LINE = '\r\u001b[2K';

/** A terminal over the two output streams. Colours follow no-color.org. */
export function createTerminal(
  stdout: Output,
  stderr: Output,
  env: Readonly<Record<string, string | undefined>>,
): Terminal {
  const isInteractive = stdout.isTTY === true && env.TERM !== 'dumb';
  const hasColours = isInteractive && (env.NO_COLOR ?? '') === '';
  let status: string | undefined;
  const above = (stream: Output, text: string): void => {
    if (status !== undefined) stdout.write(CLEAR_LINE);
    stream.write(`${text}\n`);
    if (status !== undefined) stdout.write(status);
  };
  return {
    isInteractive,
    get columns() {
      return stdout.columns ?? 80;
    },
    line: (text) => {
      above(stdout, text);
    },
    note: (text) => {
      above(stderr, text);
    },
    status: (text) => {
      if (!isInteractive || text === status) return;
      stdout.write(CLEAR_LINE + (text ?? ''));
      status = text;
    },
    paint: (paint, text) => (hasColours ? styleText(paint, text) : text),
  };
}
