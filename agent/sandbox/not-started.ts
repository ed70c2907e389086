import { FarmError } from '../../shared/errors.ts';
import type { ProcessResult } from './run-process.ts';
import { isDiskFull } from './tree.ts';

/** First words of what is said of a sandbox that did not come up. */
export const NOT_STARTED = 'the sandbox did not start: ';

/** Why a sandbox that was started did not come up. A disk that is full is told apart: it concerns whatever this machine does. */
export function notStarted(result: ProcessResult): FarmError {
  return new FarmError('infrastructure', `${NOT_STARTED}${explain(result)}`, {
    details: { breakage: isDiskFull(result.stderr.tail()) ? 'disk' : 'sandbox' },
  });
}

function explain(result: ProcessResult): string {
  // What it says when it is ended for that explains nothing.
  if (result.end.by === 'timeout') return 'it was not up when the time limit was reached';
  const [words = ''] = result.stderr.tail().trim().split('\n');
  if (words !== '') return words.slice(0, 500);
  return result.end.by === 'exit' ? `exit code ${result.end.code}` : `ended by ${result.end.by}`;
}
