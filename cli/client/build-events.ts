import { Type } from 'typebox';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type FinalAnswer, readBuildAnswer } from './build-answer.ts';
import type { BuildClient } from './build-client.ts';
import { isFinal, type OnBuildEvent } from './build-event.ts';
import { EventStream, type StreamedEvent } from './event-stream.ts';

/** A server says something every 15 s; a connection that is silent for longer is taken for dead, milliseconds. */
const SILENT_MS = 45_000;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;

const StateSchema = Type.Object({
  /** Null while it waits. */
  stage: Type.Union([Type.String(), Type.Null()]),
  attempt: Type.Integer({ minimum: 0 }),
  queue_position: Type.Optional(Type.Integer({ minimum: 0 })),
  eta_seconds: Type.Optional(Type.Integer({ minimum: 0 })),
});
const LostSchema = Type.Object({ attempt: Type.Integer({ minimum: 0 }) });
const GapSchema = Type.Object({ skipped_bytes: Type.Integer({ minimum: 0 }) });
const DoneSchema = Type.Object({ status: Type.Integer() });

/** What came of one connection. */
export type Heard =
  | { readonly kind: 'final'; readonly answer: FinalAnswer }
  /** The server has no events, or none of this build. */
  | { readonly kind: 'absent' }
  /** It broke off; `hasTold` when something was understood, and nothing was not. */
  | { readonly kind: 'broken'; readonly hasTold: boolean };

/** The events of one build, over as many connections as it takes: each goes on where the last one broke off. */
export class BuildEvents {
  readonly #client: BuildClient;
  readonly #hash: string;
  readonly #onEvent: OnBuildEvent;
  #lastId = '';
  #retryMs = RETRY_MS;
  #hasTold = false;

  constructor(client: BuildClient, hash: string, onEvent: OnBuildEvent) {
    this.#client = client;
    this.#hash = hash;
    this.#onEvent = onEvent;
  }

  /** Whether any connection told anything. */
  get hasTold(): boolean {
    return this.#hasTold;
  }

  /** How long to wait before the next connection, milliseconds. */
  get retryMs(): number {
    return this.#retryMs;
  }

  /** Opens a connection and tells what it says until its end. Rejects with the signal's reason only. */
  async read(signal: AbortSignal): Promise<Heard> {
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), SILENT_MS);
    try {
      return await this.#readOn(AbortSignal.any([signal, silent.signal]), () => timer.refresh());
    } catch (thrown) {
      signal.throwIfAborted();
      const isBroken =
        silent.signal.aborted || hasCode(thrown, 'unavailable') || hasCode(thrown, 'invalid_request');
      if (isBroken) return { kind: 'broken', hasTold: false };
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  async #readOn(signal: AbortSignal, onBytes: () => void): Promise<Heard> {
    const bytes = await this.#client.openEvents(this.#hash, this.#lastId, signal);
    if (!bytes) return { kind: 'absent' };
    const stream = new EventStream(this.#lastId);
    let hasTold = false;
    for await (const chunk of untilBroken(bytes)) {
      onBytes();
      for (const event of stream.push(chunk)) {
        const answer = this.#tell(event);
        if (answer) return { kind: 'final', answer };
        this.#lastId = event.id;
        hasTold = true;
        this.#hasTold = true;
      }
      this.#retryMs = Math.min(stream.retryMs ?? this.#retryMs, MAX_RETRY_MS);
    }
    return { kind: 'broken', hasTold };
  }

  /** The final answer, when it is that. Events of later servers are passed over. */
  #tell({ event, data }: StreamedEvent): FinalAnswer | undefined {
    switch (event) {
      case 'state':
        this.#tellState(data);
        break;
      case 'log':
        for (const line of data.split('\n')) this.#onEvent({ event: 'log', line: line.trimEnd() });
        break;
      case 'lost':
        this.#onEvent({ event: 'lost', ...parseJsonAs(LostSchema, data, 'what was lost') });
        break;
      case 'gap': {
        const { skipped_bytes: skippedBytes } = parseJsonAs(GapSchema, data, 'what was left out');
        this.#onEvent({ event: 'gap', skippedBytes });
        break;
      }
      case 'done':
        return readDone(data);
    }
    return undefined;
  }

  #tellState(data: string): void {
    const state = parseJsonAs(StateSchema, data, 'the state of the build');
    const { stage, attempt, queue_position: position, eta_seconds: etaSeconds } = state;
    const hash = this.#hash;
    if (stage !== null) this.#onEvent({ event: 'stage', hash, stage });
    else {
      const lost = attempt > 0 ? { lostAttempt: attempt } : {};
      this.#onEvent({ event: 'queued', hash, position, etaSeconds, ...lost });
    }
  }
}

function readDone(data: string): FinalAnswer {
  const { status } = parseJsonAs(DoneSchema, data, 'the end of the build');
  const answer = readBuildAnswer(status, JSON.parse(data));
  if (isFinal(answer)) return answer;
  throw new FarmError('invalid_request', `the end of the build is no end: ${status}`);
}

/** Ends where the connection does, in whatever way. */
async function* untilBroken(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await chunks.next().catch(() => undefined);
      if (!chunk || chunk.done) return;
      yield chunk.value;
    }
  } finally {
    await chunks.return?.().catch(() => undefined);
  }
}
