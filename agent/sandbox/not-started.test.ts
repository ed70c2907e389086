import { expect, test } from 'vitest';
import { notStarted } from './not-started.ts';
import { OutputCapture } from './output-capture.ts';
import type { ProcessEnd } from './run-process.ts';

test.each<[string, ProcessEnd, string, string, string]>([
  [
    'says why',
    { by: 'exit', code: 1 },
    'bwrap: no user namespaces\nmore\n',
    'bwrap: no user namespaces',
    'sandbox',
  ],
  ['says nothing', { by: 'exit', code: 125 }, '', 'exit code 125', 'sandbox'],
  ['is killed', { by: 'signal', signal: 'SIGKILL' }, '', 'ended by signal', 'sandbox'],
  [
    'is ended for its time, and says something else',
    { by: 'timeout' },
    'unshare: sigprocmask unblock failed\n',
    'it was not up when the time limit was reached',
    'sandbox',
  ],
  ['finds the disk full', { by: 'exit', code: 1 }, 'cp: No space left on device\n', 'cp: No space', 'disk'],
])('a sandbox that %s', (_what, end, words, told, breakage) => {
  const stderr = new OutputCapture({ tailBytes: 1_000, headBytes: 1_000 });
  stderr.write(Buffer.from(words));
  expect(notStarted({ end, stdout: stderr, stderr, started: false })).toMatchObject({
    code: 'infrastructure',
    message: expect.stringContaining(`the sandbox did not start: ${told}`),
    details: { breakage },
  });
});
