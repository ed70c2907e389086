import { Backoff } from '../../shared/backoff.ts';
import { systemClock } from '../../shared/clock.ts';
import { hasCode } from '../../shared/errors.ts';
import type { BuildAnswer } from './build-answer.ts';
import type { BuildClient, ImageRequest, PolledAnswer } from './build-client.ts';
import { followLog } from './follow-log.ts';

/** How long a server may be away while a build is followed, milliseconds. */
const AWAY_MS = 120_000;
/** How long the rest of the log may take after the build has ended, milliseconds. */
const LOG_REST_MS = 2_000;

export type FinalAnswer = Extract<BuildAnswer, { readonly kind: 'done' | 'failed' }>;

export type BuildEvent =
  | {
      readonly event: 'queued';
      readonly hash: string;
      readonly position: number | undefined;
      readonly etaSeconds: number | undefined;
    }
  | { readonly event: 'stage'; readonly hash: string; readonly stage: string }
  | { readonly event: 'log'; readonly line: string }
  /** The server does not answer just now; it is asked again. */
  | { readonly event: 'away'; readonly reason: string };

/**
 * Asks for an image and follows the build to its end, its live log included where the server has one.
 * A server that goes away meanwhile is waited for.
 * @throws FarmError `unavailable` when the server does not answer; the signal's reason when aborted: the build goes on.
 */
export async function followBuild(
  client: BuildClient,
  request: ImageRequest,
  onEvent: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<FinalAnswer> {
  let polled = await client.submit(request, signal);
  const log = new LogReader(client, onEvent, signal);
  try {
    for (let shown = ''; ; ) {
      const { answer } = polled;
      if (answer.kind === 'done' || answer.kind === 'failed') {
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

function eventOf(answer: Exclude<BuildAnswer, FinalAnswer>): BuildEvent {
  return answer.kind === 'queued'
    ? { event: 'queued', hash: answer.hash, position: answer.position, etaSeconds: answer.etaSeconds }
    : { event: 'stage', hash: answer.hash, stage: answer.stage };
}

async function pollPatiently(
  client: BuildClient,
  hash: string,
  onEvent: (event: BuildEvent) => void,
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
      onEvent({ event: 'away', reason: thrown instanceof Error ? thrown.message : '' });
    }
    await systemClock.sleep(backoff.nextMs(), signal);
  }
}

/** Reads one build's log beside the polling, as soon as the server has it. */
class LogReader {
  readonly #client: BuildClient;
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #signal: AbortSignal;
  readonly #closing = new AbortController();
  #reading: Promise<void> | undefined;
  #news = newsOnce();

  constructor(client: BuildClient, onEvent: (event: BuildEvent) => void, signal: AbortSignal) {
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
