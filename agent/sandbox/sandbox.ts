import type { ProcessResult } from './run-process.ts';

/** Where things lie inside every sandbox, the same for all builds: paths leak into what is built. */
export const INSIDE = {
  /** The private view of the ImageBuilder, and the working directory. */
  builder: '/builder',
  /** BIN_DIR. */
  out: '/out',
  /** Extra files for the image, if any were written. */
  files: '/files',
} as const;

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Wall-clock limit, milliseconds. */
  readonly timeoutMs: number;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
  /** Bytes of each stream kept from its end. Default 256 KiB. */
  readonly tailBytes?: number;
}

/**
 * A private, writable view of a warm tree. What runs in it sees the view, an output folder and the host's programs; it
 * changes neither the tree nor another view. Disposing removes it with all that was built in it; nothing may run then.
 */
export interface View extends AsyncDisposable {
  /** The folder on the host that is `/out` inside. */
  readonly outDirectory: string;

  /**
   * Writes a file into the view (`builder`) or below the extra files (`files`), mode 644, folders 755; call before `run`.
   * @throws FarmError `invalid_request` for a path that is not plainly below its place; `infrastructure` when the disk fails.
   */
  write(place: 'builder' | 'files', relativePath: string, text: string): Promise<void>;

  /**
   * Runs a program in `/builder`, one at a time. When it ends nothing of it is left, nor when this program is killed.
   * @throws FarmError `infrastructure` with `details.breakage` `sandbox` when the program could not be reached.
   */
  run(argv: readonly [string, ...string[]], options: RunOptions): Promise<ProcessResult>;
}

/** Opens views. */
export interface Sandbox {
  /** How builds are kept apart on this machine, in one line for the log: `overlay over bubblewrap`. */
  readonly description: string;

  /**
   * A view of the tree at `directory`. With `inPlace` it is the tree itself, and what runs there changes it.
   * @throws FarmError `infrastructure` when the disk fails; `cancelled`.
   */
  openView(
    directory: string,
    options?: { readonly inPlace?: boolean; readonly signal?: AbortSignal },
  ): Promise<View>;
}
