import { expect, test } from 'vitest';
import { lossText, TROUBLES, troubleOf } from './loss.ts';

test('a build that was lost is told with what went wrong, each thing once, and that it may be tried again', () => {
  expect(lossText(['feed', 'disk', 'feed'])).toBe(
    'The build was lost 3 times, not by its own fault: packages could not be fetched; a disk was full or failed. ' +
      'Please try again later.',
  );
});

test.each(TROUBLES)('%s has words of its own', (trouble) => {
  expect(lossText([trouble])).not.toContain('undefined');
});

test('what an agent says broke is the trouble; all else is that it went away', () => {
  expect(troubleOf('broken', 'disk')).toBe('disk');
  expect(troubleOf('broken')).toBe('agent');
  expect(troubleOf('lease_expired')).toBe('gone');
  expect(troubleOf('agent_restarted')).toBe('gone');
});
