import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** A name given, changed or removed in a folder survives a power loss only once the folder itself is written. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder, and those above it that are missing, so that it is still there after a power loss. */
export async function makeFolder(path: string): Promise<void> {
  const wanted = resolve(path);
  const first = await mkdir(wanted, { recursive: true });
  if (first === undefined) return;
  for (let made = wanted; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}
