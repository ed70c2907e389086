import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SHA256_PATTERN, sha256File, sha256Hex } from './digest.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wrtfarm-digest-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

test('text and its UTF-8 bytes have the same sha256', () => {
  // FIPS 180-4's example of one block.
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(sha256Hex('é')).toBe(sha256Hex(Buffer.from([0xc3, 0xa9])));
  expect(sha256Hex('')).toMatch(new RegExp(SHA256_PATTERN));
});

test('a file has the sha256 of its bytes, however many', async () => {
  const bytes = Buffer.alloc(300_000, 'wrtfarm');
  writeFileSync(join(directory, 'large'), bytes);
  expect(await sha256File(join(directory, 'large'))).toBe(sha256Hex(bytes));
  writeFileSync(join(directory, 'empty'), '');
  expect(await sha256File(join(directory, 'empty'), new AbortController().signal)).toBe(sha256Hex(''));
});

test('a file that is missing, or not wanted any more, has none', async () => {
  await expect(sha256File(join(directory, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  writeFileSync(join(directory, 'unwanted'), 'x');
  const unwanted = sha256File(join(directory, 'unwanted'), AbortSignal.abort());
  await expect(unwanted).rejects.toMatchObject({ name: 'AbortError' });
});
