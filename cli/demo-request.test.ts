import { expect, test } from 'vitest';
import { newestStable } from './demo-request.ts';

test('the newest release is the highest number, candidates and snapshots aside', () => {
  expect(newestStable(['25.12.0-rc2', '24.10.6', '24.10.10', '23.05.6', 'SNAPSHOT'])).toBe('24.10.10');
  expect(newestStable(['SNAPSHOT'])).toBeUndefined();
});
