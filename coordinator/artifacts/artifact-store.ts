import type { Readable } from 'node:stream';

/** A file of a finished build, open for reading as often as wanted. */
export interface StoredFile {
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds at which its build finished. */
  readonly finishedAt: number;
  /** The bytes from `start` to `end`, both included; all of them by default. The caller consumes or destroys the stream. */
  read(range?: { readonly start: number; readonly end: number }): Readable;
}

/** Finds files of finished builds. */
export interface StoredFiles {
  /**
   * @param folder 64 hex digits: a build's `bin_dir`, or a request hash for its newest finished build.
   * @returns undefined when there is no such build or file.
   */
  find(folder: string, name: string): Promise<StoredFile | undefined>;
}
