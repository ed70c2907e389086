import type { Clock } from '../../shared/clock.ts';
import { FarmError } from '../../shared/errors.ts';

/**
 * Passes on what comes, as long as each next one comes within `stalledMs` of being asked for.
 * @throws FarmError `unavailable` when it does not. Who made the source ends it then; it is not closed here, for it may never answer.
 */
export async function* requireProgress<T>(
  source: AsyncIterable<T>,
  stalledMs: number,
  clock: Clock,
): AsyncGenerator<T> {
  const items = source[Symbol.asyncIterator]();
  for (;;) {
    const item = await within(items.next(), stalledMs, clock);
    if (item.done) return;
    yield item.value;
  }
}

async function within<T>(coming: Promise<T>, stalledMs: number, clock: Clock): Promise<T> {
  const came = new AbortController();
  const stalled = async (): Promise<never> => {
    await clock.sleep(stalledMs, came.signal);
    throw new FarmError('unavailable', `nothing came for ${stalledMs} ms`);
  };
  try {
    return await Promise.race([coming, stalled()]);
  } finally {
    came.abort();
  }
}
