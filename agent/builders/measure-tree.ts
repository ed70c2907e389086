import { FarmError } from '../../shared/errors.ts';
import { runProcess } from '../sandbox/run-process.ts';
import { TOOL_ENVIRONMENT } from '../sandbox/tree.ts';

/**
 * Bytes a folder takes on disk, all below it included, hard links once.
 * @throws FarmError `infrastructure`; `cancelled` when the signal was aborted.
 */
export async function measureTree(path: string, signal?: AbortSignal): Promise<number> {
  const result = await runProcess(['du', '--summarize', '--block-size=1', '--', path], {
    env: TOOL_ENVIRONMENT,
    ...(signal ? { signal } : {}),
  });
  if (result.end.by === 'abort') throw new FarmError('cancelled', `measuring ${path} was cancelled`);
  const bytes = /^(\d+)\t/.exec(result.stdout.tail())?.[1];
  if (result.end.by !== 'exit' || result.end.code !== 0 || bytes === undefined) {
    throw new FarmError('infrastructure', `could not measure ${path}: ${result.stderr.tail().trim()}`);
  }
  return Number(bytes);
}
