import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { problemsOf } from './problems-of.test.support.ts';
import { BranchParameter, queryInteger, readQuery } from './read-query.ts';

const SCHEMA = Type.Object({ n: queryInteger({ min: 1, max: 100, default: 30 }), branch: BranchParameter });

test('a query is read with its defaults, whatever else it holds', () => {
  expect(readQuery(SCHEMA, { 1732: '' })).toEqual({ n: 30 });
  expect(readQuery(SCHEMA, { n: '7', branch: '24.10' })).toEqual({ n: 7, branch: '24.10' });
  expect(readQuery(SCHEMA, { n: ['7', '8'] })).toEqual({ n: 8 });
});

test.each([
  [{ n: 'x' }, 'int_parsing', 'n'],
  [{ n: '' }, 'int_parsing', 'n'],
  [{ n: '0' }, 'greater_than_equal', 'n'],
  [{ n: '101' }, 'less_than_equal', 'n'],
  [{ branch: '24.10*' }, 'string_pattern_mismatch', 'branch'],
  [{ branch: 'x'.repeat(33) }, 'string_too_long', 'branch'],
])('%j is not valid: %s', (query, type, name) => {
  expect(problemsOf(() => readQuery(SCHEMA, query))).toMatchObject([{ type, loc: ['query', name] }]);
});
