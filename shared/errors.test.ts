import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, FarmError, hasCode, messageOf } from './errors.ts';

test('the numbers are those gRPC gives these names', () => {
  const names = Object.entries(ERROR_CODES).map(([code, meaning]) => [code, status[meaning.grpc]]);
  expect(Object.fromEntries(names)).toEqual({
    invalid_request: 'INVALID_ARGUMENT',
    not_found: 'NOT_FOUND',
    conflict: 'ALREADY_EXISTS',
    failed_precondition: 'FAILED_PRECONDITION',
    resource_exhausted: 'RESOURCE_EXHAUSTED',
    lease_lost: 'ABORTED',
    infrastructure: 'INTERNAL',
    unavailable: 'UNAVAILABLE',
    cancelled: 'CANCELLED',
    internal: 'INTERNAL',
  });
});

test('the codes an agent acts on have a gRPC status of their own', () => {
  const acted: readonly ErrorCode[] = [
    'lease_lost',
    'invalid_request',
    'failed_precondition',
    'resource_exhausted',
    'unavailable',
  ];
  for (const code of acted) {
    const sharing = Object.values(ERROR_CODES).filter((each) => each.grpc === ERROR_CODES[code].grpc);
    expect(sharing, code).toHaveLength(1);
  }
});

test('what the caller did is a 4xx and what the farm did a 5xx', () => {
  const serverSide = Object.entries(ERROR_CODES).filter(([, meaning]) => meaning.http >= 500);
  expect(serverSide.map(([code]) => code)).toEqual(['infrastructure', 'unavailable', 'internal']);
  expect(Object.values(ERROR_CODES).every(({ http }) => http >= 400 && http < 600)).toBe(true);
});

test('an error carries its code, details and cause', () => {
  const cause = new Error('EACCES');
  const error = new FarmError('infrastructure', 'no disk', { cause, details: { path: '/x' } });
  expect(error).toMatchObject({
    name: 'FarmError',
    code: 'infrastructure',
    message: 'no disk',
    details: { path: '/x' },
  });
  expect(error.cause).toBe(cause);
  expect(new FarmError('internal', 'x')).not.toHaveProperty('cause');
});

test('one of ours stays itself', () => {
  const error = new FarmError('conflict', 'twice');
  expect(FarmError.from(error)).toBe(error);
});

test('an abort is told as cancelled, with its cause', () => {
  const { reason } = AbortSignal.abort();
  expect(FarmError.from(reason)).toMatchObject({ code: 'cancelled', cause: reason });
});

test.each([
  [new TypeError('x is undefined'), 'x is undefined'],
  ['a thrown text', 'a thrown text'],
  [null, 'null'],
])('anything else is internal: %s', (thrown, message) => {
  expect(FarmError.from(thrown)).toMatchObject({ code: 'internal', message, cause: thrown });
  expect(messageOf(thrown)).toBe(message);
});

test('a code is recognised on our errors only', () => {
  expect(hasCode(new FarmError('not_found', ''), 'not_found')).toBe(true);
  expect(hasCode(new FarmError('not_found', ''), 'conflict')).toBe(false);
  expect(hasCode(Object.assign(new Error(), { code: 'not_found' }), 'not_found')).toBe(false);
});
