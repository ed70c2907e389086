import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogLines } from './log-lines.ts';
import { type LogPosition, startOf } from './log-position.ts';

const START = startOf('1'.repeat(32), 1);

/** Reads a log that is cut into chunks, from a position on. */
function read(
  chunks: readonly Buffer[],
  from: LogPosition = START,
): { lines: string[]; ends: LogPosition[] } {
  const lines: string[] = [];
  const ends: LogPosition[] = [];
  const reader = new LogLines();
  let bytes = from.bytes - from.chunkBytes;
  chunks.forEach((chunk, index) => {
    if (index < from.chunk) return;
    const chunkBytes = index === from.chunk ? from.chunkBytes : 0;
    const got = reader.push(chunk.subarray(chunkBytes), {
      ...START,
      chunk: index,
      chunkBytes,
      bytes: bytes + chunkBytes,
    });
    bytes += chunk.length;
    if (got) {
      lines.push(...got.lines);
      ends.push(got.end);
    }
  });
  const rest = reader.flush();
  return { lines: rest ? [...lines, ...rest.lines] : lines, ends };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return at < bytes.length ? [...chunks, bytes.subarray(at)] : chunks;
}

const anyText = fc.array(fc.constantFrom('a', 'é', '→', '🛠', '\n', 'line\n', ' '), { maxLength: 60 });
const anySizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 80 });

test('lines are whole however the bytes are cut, and reading on at any position told gives the same', () => {
  fc.assert(
    fc.property(anyText, anySizes, (texts, sizes) => {
      const text = texts.join('');
      const chunks = cut(Buffer.from(text), sizes);
      const expected = text.split('\n');
      if (expected.at(-1) === '') expected.pop();
      const { lines, ends } = read(chunks);
      expect(lines).toEqual(expected);
      for (const end of ends) {
        const before = Buffer.from(text).subarray(0, end.bytes).toString().split('\n').length - 1;
        expect(read(chunks, end).lines).toEqual(expected.slice(before));
      }
    }),
  );
});

test('a line without end is told in parts, none of which breaks a character', () => {
  const bytes = Buffer.from('→'.repeat(100_000));
  const chunks = cut(
    bytes,
    Array.from({ length: 10 }, () => 40_000),
  );
  const { lines, ends } = read(chunks);
  expect(ends.length).toBeGreaterThan(1);
  expect(lines.join('')).toBe(bytes.toString());
});

test('progress that rewrites its line is a line each time', () => {
  expect(read([Buffer.from('10 %\r20 %\r\ndone\n')]).lines).toEqual(['10 %', '20 %', 'done']);
});
