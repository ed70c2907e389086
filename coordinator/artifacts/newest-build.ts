import { hasCode } from '../../shared/errors.ts';
import type { BuildJson } from './sealed-build.ts';

/**
 * The build that was finished last, of those that are there. One that cannot be understood must not hide the others; a store that does
 * not answer is no proof of anything.
 * @throws FarmError `unavailable`, as reading does.
 */
export async function newestBuild(
  reading: readonly Promise<BuildJson | undefined>[],
): Promise<BuildJson | undefined> {
  const builds = await Promise.all(
    reading.map((each) =>
      each.catch((thrown: unknown): undefined => {
        if (hasCode(thrown, 'unavailable')) throw thrown;
      }),
    ),
  );
  return builds
    .filter((json) => json !== undefined)
    .sort((left, right) => right.finishedAt - left.finishedAt)[0];
}
