import { expect, test } from 'vitest';
import { OutputCapture } from './output-capture.ts';

function captured(chunks: readonly (string | Buffer)[], headBytes: number, tailBytes: number): OutputCapture {
  const capture = new OutputCapture({ headBytes, tailBytes });
  for (const chunk of chunks) capture.write(Buffer.from(chunk));
  return capture;
}

test('what fits is kept whole', () => {
  const capture = captured(['one ', 'two'], 2, 7);
  expect(capture.tail()).toBe('one two');
  expect(capture.headAndTail()).toBe('one two');
  expect(capture.isComplete).toBe(true);
});

test('of what does not fit the end is kept, and the beginning apart from it', () => {
  const capture = captured(['abcdefgh', 'ijklmnop', 'qrstuvwx', 'yz'], 3, 5);
  expect(capture.tail()).toBe('vwxyz');
  expect(capture.headAndTail()).toBe('abc\nvwxyz');
  expect(capture.totalBytes).toBe(26);
  expect(capture.isComplete).toBe(false);
});

test('a tail begins with a whole character', () => {
  expect(captured(['aé€'], 0, 4).tail()).toBe('€');
  expect(captured(['a€'], 0, 2).tail()).toBe('');
});

test('bytes that are no UTF-8 become replacement characters', () => {
  expect(captured([Buffer.from([0x61, 0xff, 0x62])], 0, 10).tail()).toBe('a\ufffdb');
});
