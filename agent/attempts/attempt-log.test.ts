import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MAX_LOG_CHUNK_BYTES } from '../../shared/attempt-protocol.ts';
import { AttemptLog } from './attempt-log.ts';

let directory: string;
let log: AttemptLog;
let chunkNotices: number;
/** Resolves at the next notice of a chunk. */
let noticed: Promise<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wrtfarm-log-'));
  let notice: () => void = () => undefined;
  noticed = new Promise((resolve) => {
    notice = resolve;
  });
  chunkNotices = 0;
  log = await AttemptLog.create(join(directory, 'log'), () => {
    chunkNotices += 1;
    notice();
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await log.close();
  await rm(directory, { recursive: true });
});

async function chunksOf(read: AttemptLog): Promise<readonly string[]> {
  const indexes = Array.from({ length: read.chunkCount }, (_, index) => index);
  return await Promise.all(indexes.map(async (index) => (await read.readChunk(index)).toString()));
}

describe('what is appended', () => {
  test('shortly after one another is one chunk, numbered from 0', async () => {
    log.append('one\n');
    log.append('two\n');
    expect(log.chunkCount).toBe(0);
    await log.settle();
    log.append('three\n');
    await log.settle();
    expect(await chunksOf(log)).toEqual(['one\ntwo\n', 'three\n']);
    expect(chunkNotices).toBe(2);
  });

  test('can be read soon without anybody waiting for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    log.append('one\n');
    vi.advanceTimersByTime(100);
    log.append('two\n');
    vi.advanceTimersByTime(50);
    await noticed;
    expect(await chunksOf(log)).toEqual(['one\ntwo\n']);
  });

  test('is all in the file when it is settled', async () => {
    log.append('ä\n'.repeat(100_000));
    log.append('the end');
    await log.settle();
    expect(await readFile(log.path, 'utf8')).toBe(`${'ä\n'.repeat(100_000)}the end`);
  });
});

describe('a chunk', () => {
  test('ends where a line ends', async () => {
    const line = `${'x'.repeat(999)}\n`;
    log.append(line.repeat(200));
    await log.settle();
    const chunks = await chunksOf(log);
    expect(chunks.length).toBeGreaterThan(1);
    for (const chunk of chunks) expect(chunk.endsWith('x\n')).toBe(true);
  });

  test('of a line that is longer than a chunk is as long as one may be', async () => {
    log.append(`${'x'.repeat(MAX_LOG_CHUNK_BYTES)}y\nz\n`);
    await log.settle();
    expect(await chunksOf(log)).toEqual(['x'.repeat(MAX_LOG_CHUNK_BYTES), 'y\nz\n']);
  });

  test('can be read again as often as wanted, and only when it is there', async () => {
    log.append('one\n');
    await log.settle();
    expect((await log.readChunk(0)).toString()).toBe('one\n');
    expect((await log.readChunk(0)).toString()).toBe('one\n');
    await expect(log.readChunk(1)).rejects.toThrow(RangeError);
  });

  test('is never empty nor too long, and all together are what was appended', async () => {
    const piece = fc.tuple(
      fc.constantFrom('x', 'long words ', 'a line\n', '\n'),
      fc.integer({ min: 0, max: 12_000 }),
    );
    const pieces = fc.array(
      piece.map(([text, times]) => text.repeat(times)),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, fc.infiniteStream(fc.boolean()), async (texts, settles) => {
        const each = await AttemptLog.create(join(directory, 'each'), () => undefined);
        try {
          for (const text of texts) {
            each.append(text);
            if (settles.next().value) await each.settle();
          }
          await each.settle();
          const chunks = await chunksOf(each);
          expect(chunks.join('')).toBe(texts.join(''));
          expect(chunks.every(({ length }) => length > 0 && length <= MAX_LOG_CHUNK_BYTES)).toBe(true);
        } finally {
          await each.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});

test('a disk that is full is told when the log is settled, and ends nothing else', async () => {
  const full = await AttemptLog.create('/dev/full', () => undefined);
  full.append('x\n');
  await expect(full.settle()).rejects.toThrow('ENOSPC');
  full.append('more\n');
  await expect(full.settle()).rejects.toThrow('ENOSPC');
  await full.close();
});
