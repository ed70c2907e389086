import { Backoff } from '../../shared/backoff.ts';
import { systemClock } from '../../shared/clock.ts';
import { hasCode, messageOf } from '../../shared/errors.ts';
import type { BuildClient, PolledAnswer } from './build-client.ts';
import type { OnBuildEvent } from './build-event.ts';

/** How long a server may be away while a build is followed, milliseconds. */
const AWAY_MS = 120_000;

/**
 * How a build stands, from a server that may be away for a while.
 * @throws FarmError `unavailable` when it stays away; the signal's reason when aborted.
 */
export async function pollPatiently(
  client: BuildClient,
  hash: string,
  onEvent: OnBuildEvent,
  signal: AbortSignal,
): Promise<PolledAnswer> {
  const backoff = new Backoff({ minMs: 250, maxMs: 5_000 });
  for (const since = performance.now(); ; ) {
    try {
      const polled = await client.poll(hash, signal);
      const isAway = polled.answer.kind === 'failed' && [502, 503, 504].includes(polled.answer.status);
      if (!isAway || performance.now() - since > AWAY_MS) return polled;
      onEvent({ event: 'away', reason: polled.answer.kind === 'failed' ? polled.answer.reason : '' });
    } catch (thrown) {
      if (!hasCode(thrown, 'unavailable') || performance.now() - since > AWAY_MS) throw thrown;
      onEvent({ event: 'away', reason: messageOf(thrown) });
    }
    await systemClock.sleep(backoff.nextMs(), signal);
  }
}
