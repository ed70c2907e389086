import { describe, expect, test } from 'vitest';
import { errorSummary, publicDetail } from './build-error.ts';

describe('a build error', () => {
  test.each([
    [`no container with ID ${'e'.repeat(64)} found`, 'no container with ID [job-id] found'],
    ['fetch https://me:hunter2@feeds.example/x failed', 'fetch https://[secret]@feeds.example/x failed'],
    ['fetch https://feeds.example/x?token=abc#d failed', 'fetch https://feeds.example/x?[secret] failed'],
    ['one\r\ntwo\u0000 \tthree\n', 'one two three'],
  ])('%j is told as %j', (detail, told) => {
    expect(publicDetail(detail)).toBe(told);
  });

  test('is cut where it is too long', () => {
    expect(publicDetail('x'.repeat(10_000))).toBe(`${'x'.repeat(500)}…`);
  });

  test('is one line of the summary', () => {
    expect(errorSummary([])).toBe('No build errors recorded.');
    const error = { version: '24.10-SNAPSHOT', target: 'ath79/generic', profile: 'p' };
    expect(
      errorSummary([
        { ...error, at: 120_000, detail: 'Error: two' },
        { ...error, at: 60_000, detail: 'Error: one' },
      ]),
    ).toBe(
      'Build Errors: 2 entries\nTime range: 1970-01-01T00:01:00.000Z to 1970-01-01T00:02:00.000Z\n\n' +
        '1970-01-01T00:02:00.000Z 24.10-SNAPSHOT:ath79/generic:p Error: two\n' +
        '1970-01-01T00:01:00.000Z 24.10-SNAPSHOT:ath79/generic:p Error: one',
    );
  });
});
