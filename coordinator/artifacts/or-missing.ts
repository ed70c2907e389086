import { FarmError, messageOf } from '../../shared/errors.ts';

/** Nothing is there, or below what is no folder. Source: POSIX, errno. */
const MISSING = ['ENOENT', 'ENOTDIR'];

/** What was looked for on disk, or undefined when it is not there. Throws `unavailable` where that cannot be told. */
export async function orMissing<T>(looking: Promise<T>): Promise<T | undefined> {
  return await looking.catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && MISSING.includes(String(cause.code))) return undefined;
    throw new FarmError('unavailable', `the artifact store cannot be looked at: ${messageOf(cause)}`, {
      cause,
      details: { service: 'artifact store' },
    });
  });
}
