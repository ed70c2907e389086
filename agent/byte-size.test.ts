import { expect, test } from 'vitest';
import { BYTE_SIZE_PATTERN, byteSizeText, parseByteSize } from './byte-size.ts';

test.each([
  ['0', 0],
  ['1K', 1024],
  ['500M', 500 * 1024 ** 2],
  ['1.5G', 1.5 * 1024 ** 3],
  ['2T', 2 * 1024 ** 4],
])('%s is %i bytes', (text, bytes) => {
  expect(text).toMatch(new RegExp(BYTE_SIZE_PATTERN));
  expect(parseByteSize(text)).toBe(bytes);
});

test('people read it in the same units', () => {
  expect([byteSizeText(1.5 * 1024 ** 3), byteSizeText(20 * 1024 ** 2)]).toEqual(['1.5 GiB', '20.0 MiB']);
});
