import { statfs } from 'node:fs/promises';

/** Bytes this user may still write on the disk of a folder; what is kept for root is not counted. */
export async function freeDiskBytes(directory: string): Promise<number> {
  const disk = await statfs(directory);
  return disk.bavail * disk.bsize;
}
