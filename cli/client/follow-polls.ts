import { systemClock } from '../../shared/clock.ts';
import type { FinalAnswer } from './build-answer.ts';
import type { BuildClient, PolledAnswer } from './build-client.ts';
import { eventOf, isFinal, type OnBuildEvent } from './build-event.ts';
import { followLog } from './follow-log.ts';
import { pollPatiently } from './poll-patiently.ts';

/** How long the rest of the log may take after the build has ended, milliseconds. */
const LOG_REST_MS = 2_000;

/**
 * Follows a build of a server without events: asu, or wrtfarm of before. What its log says comes beside the polling.
 * @param asked how it stands.
 * @throws FarmError `unavailable` when the server stays away; the signal's reason when aborted.
 */
export async function followPolls(
  client: BuildClient,
  asked: PolledAnswer,
  onEvent: OnBuildEvent,
  signal: AbortSignal,
): Promise<FinalAnswer> {
  let polled = asked;
  const log = new LogReader(client, onEvent, signal);
  try {
    for (let shown = ''; ; ) {
      const { answer } = polled;
      if (isFinal(answer)) {
        await log.finish();
        return answer;
      }
      const event = eventOf(answer);
      if (JSON.stringify(event) !== shown) {
        onEvent(event);
        log.open(answer.hash);
      }
      shown = JSON.stringify(event);
      // What the log says comes sooner than the time to ask again.
      await Promise.race([systemClock.sleep(polled.againMs, signal), log.news()]);
      polled = await pollPatiently(client, answer.hash, onEvent, signal);
    }
  } finally {
    log.close();
  }
}

/** Reads one build's log beside the polling, as soon as the server has it. */
class LogReader {
  readonly #client: BuildClient;
  readonly #onEvent: OnBuildEvent;
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  #reading: Promise<void> | undefined;
  #news = newsOnce();

  constructor(client: BuildClient, onEvent: OnBuildEvent, signal: AbortSignal) {
    this.#client = client;
    this.#onEvent = onEvent;
    this.#signal = AbortSignal.any([signal, this.#closing.signal]);
  }

  /** Begins to read, unless that is under way. */
  open(hash: string): void {
    this.#reading ??= this.#read(hash);
  }

  /** Resolves when the log has told of a new step, or ended, since the last call; never where there is none. */
  async news(): Promise<void> {
    await this.#news.promise;
    this.#news = newsOnce();
  }

  /** Gives the rest of the log a moment to arrive. */
  async finish(): Promise<void> {
    if (!this.#reading) return;
    await Promise.race([this.#reading, systemClock.sleep(LOG_REST_MS, this.#closing.signal)]);
  }

  close(): void {
    this.#closing.abort();
  }

  async #read(hash: string): Promise<void> {
    const onLine = (line: string): void => {
      this.#onEvent({ event: 'log', line });
      // wrtfarm's agents begin each step of a build with such a line.
      if (line.startsWith('--- ')) this.#news.tell();
    };
    const hadLog = await followLog(this.#client, hash, onLine, this.#signal);
    if (hadLog) this.#news.tell();
    else this.#reading = undefined;
  }
}

function newsOnce(): { readonly promise: Promise<void>; readonly tell: () => void } {
  let tell: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { promise, tell };
}
