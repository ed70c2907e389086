import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { FarmError } from '../../shared/errors.ts';

/** What a JSON file holds; `undefined` when there is none. Throws `failed_precondition` when it cannot be read. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new FarmError('failed_precondition', `cannot read ${path}`, { cause });
  }
}

/** Replaces a JSON file as a whole, readable by its owner alone. */
export function writeJson(path: string, value: unknown): void {
  const part = `${path}.part`;
  const descriptor = openSync(part, 'w', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(part, path);
}
