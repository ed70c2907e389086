import { describe, expect, test } from 'vitest';
import { readJsonBody } from './json-body.ts';
import { parseBuildRequest } from './parse-build-request.ts';
import { problemsOf } from './problems-of.test.support.ts';

describe('a body', () => {
  const read = (text: string | Buffer, contentType: string | undefined = 'application/json') =>
    readJsonBody(Buffer.from(text), contentType);

  test('is JSON when its type says so', () => {
    expect(read('{"a":1}')).toEqual({ a: 1 });
    expect(read('\ufeff{"a":1}', 'Application/JSON; charset=utf-8')).toEqual({ a: 1 });
    expect(read('{"a":1}', 'application/vnd.x+json')).toEqual({ a: 1 });
  });

  test.each([[undefined], ['text/plain'], ['application/x-www-form-urlencoded'], ['nonsense'], ['']])(
    'is a text with content type %j',
    (contentType) => {
      expect(readJsonBody(Buffer.from('{"a":1}'), contentType)).toBe('{"a":1}');
    },
  );

  test.each([[''], ['null']])('%j is missing', (text) => {
    expect(problemsOf(() => read(text))).toEqual([
      { type: 'missing', loc: ['body'], msg: 'Field required', input: null },
    ]);
  });

  test.each([
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{"a":1', 6],
    ['nul', 3],
    ['{"a":NaN}', 5],
    ['x', 0],
    ['{"a" 1}', 5],
    ['{"a":1}}', 7],
  ])('%j stops being JSON at %i', (text, offset) => {
    expect(problemsOf(() => read(text))).toMatchObject([
      {
        type: 'json_invalid',
        loc: ['body', offset],
        msg: 'JSON decode error',
        input: {},
        ctx: { error: expect.any(String) },
      },
    ]);
  });

  test('that is not UTF-8 is refused', () => {
    expect(() => read(Buffer.from([0xff, 0xfe, 0x7b]))).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'There was an error parsing the body' }),
    );
  });

  test('stops being JSON at a place that is found in a long text too', () => {
    const text = `{"defaults":"${'x['.repeat(25_000)}","packages":["vim",}`;
    expect(problemsOf(() => read(text))).toMatchObject([{ loc: ['body', text.length - 1] }]);
  });

  test('nested deep is refused without a crash', () => {
    const deep = `${'['.repeat(15_000)}${']'.repeat(15_000)}`;
    expect(problemsOf(() => parseBuildRequest(read(deep)))[0]?.type).toBe('model_attributes_type');
    const inside = `{"version":"1","target":"a/b","packages":${deep},"defaults":${deep}}`;
    expect(problemsOf(() => parseBuildRequest(read(inside)))).toHaveLength(2);
  });

  test.each([
    ['lists in lists', '['.repeat(1_000_000)],
    ['empty objects', `[${'{},'.repeat(300_000)}1]`],
    ['members', `{${'"a":1,'.repeat(150_000)}"b":1}`],
  ])('of nothing but %s is not even parsed where it is long', (_what, text) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'There was an error parsing the body' }),
    );
  });

  test('with a long text in it may hold any signs', () => {
    const defaults = `${'[{:\\"'.repeat(20_000)}`;
    expect(read(JSON.stringify({ defaults }))).toEqual({ defaults });
  });

  test('with a key twice counts the last', () => {
    expect(read('{"a":1,"a":2}')).toEqual({ a: 2 });
  });
});
