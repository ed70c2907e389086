import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log that is longer than this when it is opened, in bytes, is put aside as `<path>.1` first. */
const ROTATE_BYTES = 10 * 1024 * 1024;

/** A file that a child's output is appended to. */
export interface LogFile {
  readonly path: string;
  /** To be given to a child as an output; stays open until `close`. */
  readonly descriptor: number;
  write(text: string): void;
  close(): void;
}

/** Opens a log for appending, its folder made; an overlong one is rotated first, so at most two are kept. */
export function openLogFile(path: string): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  const descriptor = openSync(path, 'a', 0o600);
  return {
    path,
    descriptor,
    write: (text) => {
      writeSync(descriptor, text);
    },
    close: () => {
      closeSync(descriptor);
    },
  };
}

/** The last lines of a log, empty when it cannot be read. */
export function tailOf(path: string, lines: number): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines);
  } catch {
    return [];
  }
}
