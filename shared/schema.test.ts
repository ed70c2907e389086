import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { hasCode } from './errors.ts';
import { parseAs, parseJsonAs } from './schema.ts';

const schema = Type.Object({
  name: Type.String({ minLength: 1 }),
  parts: Type.Array(Type.Object({ sizeBytes: Type.Integer({ minimum: 0 }) })),
});

test('fields nobody knows are dropped at every depth, and what was given is not changed', () => {
  const given = { name: 'a', later: 1, parts: [{ sizeBytes: 2, later: 3 }] };
  expect(parseAs(schema, given, 'message')).toEqual({ name: 'a', parts: [{ sizeBytes: 2 }] });
  expect(given).toEqual({ name: 'a', later: 1, parts: [{ sizeBytes: 2, later: 3 }] });
});

test.each([
  [{ name: 'a' }, 'message is not valid at /'],
  [{ name: 7, parts: [] }, 'message is not valid at /name'],
  [{ name: '', parts: [] }, 'message is not valid at /name'],
  [
    { name: 'a', parts: [{ sizeBytes: 1 }, { sizeBytes: '2' }] },
    'message is not valid at /parts/1/sizeBytes',
  ],
  [null, 'message is not valid at /'],
  [[], 'message is not valid at /'],
])('what does not fit is refused with its place, never converted: %j', (given, message) => {
  expect(() => parseAs(schema, given, 'message')).toThrow(message);
  expect(() => parseAs(schema, given, 'message')).toThrow(
    expect.objectContaining({ code: 'invalid_request' }),
  );
});

test('JSON is read the same way, and what is not JSON is named', () => {
  expect(parseJsonAs(schema, '{"name":"a","parts":[],"x":1}', 'job')).toEqual({ name: 'a', parts: [] });
  expect(() => parseJsonAs(schema, '{"name":', 'job')).toThrow('job is not JSON');
  expect(() => parseJsonAs(schema, '', 'job')).toThrow(
    expect.toSatisfy((thrown) => hasCode(thrown, 'invalid_request')),
  );
});

test('records, unions and lists in lists are read as typebox reads them', () => {
  const part = Type.Object({ name: Type.String() });
  const wide = Type.Object({
    byName: Type.Record(Type.String({ pattern: '^[a-z]+$' }), part),
    either: Type.Union([part, Type.Null()]),
    grid: Type.Array(Type.Array(part)),
    maybe: Type.Optional(Type.Integer()),
    any: Type.Unknown(),
    open: Type.Object({ known: Type.Integer() }, { additionalProperties: true }),
  });
  const one = (): object => ({ name: 'a', later: 1 });
  const given = {
    byName: { a: one() },
    either: one(),
    grid: [[one()]],
    any: [one()],
    open: { known: 1, more: 2 },
  };
  const read = parseAs(wide, given, 'message');
  expect(read).toEqual(Value.Clean(wide, structuredClone(given)));
  expect(read.grid).toEqual([[{ name: 'a' }]]);
  expect(read.any).not.toBe(given.any);
});

test('a field named __proto__ is one that nobody knows', () => {
  const read = parseJsonAs(schema, '{"__proto__":{"evil":1},"name":"a","parts":[]}', 'message');
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  expect(Object.keys(read)).toEqual(['name', 'parts']);
});
