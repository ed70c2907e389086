import type { FileHandle } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { writeAll } from './write-all.ts';

/** A file on a disk that takes `most` bytes at a time, and `space` in all. */
function nearlyFull(
  most: number,
  space: number,
): { readonly file: FileHandle; readonly written: Map<number, number> } {
  const written = new Map<number, number>();
  const write = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
    const bytesWritten = Math.min(most, length, space - written.size);
    for (let index = 0; index < bytesWritten; index += 1)
      written.set(position + index, bytes[offset + index] ?? 0);
    return { bytesWritten, buffer: bytes };
  };
  return { file: { write } as unknown as FileHandle, written };
}

test('all bytes are written where they belong, however few the disk takes at a time', async () => {
  const { file, written } = nearlyFull(3, 100);
  await writeAll(file, Buffer.from('0123456789'), 5);
  expect([...written.keys()]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  expect(Buffer.from([...written.values()]).toString()).toBe('0123456789');
});

test('a disk that takes no more is told, not passed over', async () => {
  const { file } = nearlyFull(100, 4);
  await expect(writeAll(file, Buffer.from('0123456789'), 0)).rejects.toThrow('took no more');
});
