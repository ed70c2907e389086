import { systemClock } from '../../shared/clock.ts';
import type { FinalAnswer } from './build-answer.ts';
import type { BuildClient, ImageRequest } from './build-client.ts';
import { eventOf, isFinal, type OnBuildEvent, withoutRepeats } from './build-event.ts';
import { BuildEvents } from './build-events.ts';
import { followPolls } from './follow-polls.ts';
import { pollPatiently } from './poll-patiently.ts';

/**
 * Asks for an image and follows the build to its end, its live log included where the server has one: by its events, or where
 * the server has none by polling. A server that goes away meanwhile is waited for.
 * @throws FarmError `unavailable` when the server does not answer; the signal's reason when aborted: the build goes on.
 */
export async function followBuild(
  client: BuildClient,
  request: ImageRequest,
  onEvent: OnBuildEvent,
  signal: AbortSignal,
): Promise<FinalAnswer> {
  const asked = await client.submit(request, signal);
  if (isFinal(asked.answer)) return asked.answer;
  const tell = withoutRepeats(onEvent);
  tell(eventOf(asked.answer));
  return (
    (await followEvents(client, asked.answer.hash, tell, signal)) ??
    (await followPolls(client, asked, tell, signal))
  );
}

/** Undefined where the server has no events. */
async function followEvents(
  client: BuildClient,
  hash: string,
  onEvent: OnBuildEvent,
  signal: AbortSignal,
): Promise<FinalAnswer | undefined> {
  const events = new BuildEvents(client, hash, onEvent);
  for (let failures = 0; ; ) {
    const heard = await events.read(signal);
    if (heard.kind === 'final') return heard.answer;
    if (heard.kind === 'absent' && !events.hasTold) return undefined;
    if (heard.kind === 'broken' && heard.hasTold) {
      failures = 0;
      await systemClock.sleep(events.retryMs, signal);
      continue;
    }
    failures += 1;
    const { answer, againMs } = await pollPatiently(client, hash, onEvent, signal);
    // Of a build that ended meanwhile the rest of the log is read, if that can be had.
    if (isFinal(answer) && failures > 1) return answer;
    if (!isFinal(answer)) onEvent(eventOf(answer));
    if (failures > 1) await systemClock.sleep(againMs, signal);
  }
}
