import { FarmError } from '../../shared/errors.ts';
import type { FieldProblem } from './field-problems.ts';

/** What reading a request was refused for; throws when it was not, or for something else. */
export function problemsOf(read: () => unknown): readonly FieldProblem[] {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof FarmError && Array.isArray(thrown.details.problems)) return thrown.details.problems;
    throw thrown;
  }
  throw new Error('nothing was wrong');
}
