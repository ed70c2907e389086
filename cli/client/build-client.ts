import { FarmError, messageOf } from '../../shared/errors.ts';
import { packageVersion } from '../../shared/package-root.ts';
import { type BuildAnswer, readBuildAnswer } from './build-answer.ts';

/** Longest time for one answer of the API, milliseconds. */
const ANSWER_MS = 60_000;
const POLL_MS = 1_000;
const MAX_POLL_MS = 10_000;

/** What to build; the fields of the client API that the command line can give. */
export interface ImageRequest {
  readonly version: string;
  readonly target: string;
  readonly profile: string;
  readonly packages: readonly string[];
}

export interface PolledAnswer {
  readonly answer: BuildAnswer;
  /** When to ask again, milliseconds. */
  readonly againMs: number;
}

/** A client of one build server: wrtfarm, or anything that speaks asu's API. */
export class BuildClient {
  readonly #server: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param server such as `http://127.0.0.1:8080`. */
  constructor(server: string) {
    this.#server = server.replace(/\/+$/, '');
    this.#headers = { 'user-agent': `wrtfarm/${packageVersion()}` };
  }

  /** Asks for a build; asking again for the same is the same build. */
  async submit(request: ImageRequest, signal: AbortSignal): Promise<PolledAnswer> {
    return await this.#ask('/api/v1/build', signal, {
      method: 'POST',
      body: JSON.stringify({ ...request, client: this.#headers['user-agent'] }),
    });
  }

  /** How a build stands. */
  async poll(hash: string, signal: AbortSignal): Promise<PolledAnswer> {
    return await this.#ask(`/api/v1/build/${hash}`, signal, {});
  }

  /**
   * A build's events, of which those after `lastId` are wanted; `undefined` where the server has none.
   * @throws FarmError `unavailable` when it has none now.
   */
  async openEvents(
    hash: string,
    lastId: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const accept = { accept: 'text/event-stream' };
    const headers = lastId === '' ? accept : { ...accept, 'last-event-id': lastId };
    const response = await this.#fetch(`/api/v1/build/${hash}/events`, { headers, signal });
    const { status, body } = response;
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    if (status === 200 && body && isStream) return body;
    await body?.cancel();
    if (status !== 429 && status < 500) return undefined;
    throw new FarmError('unavailable', `the server answers ${status}`);
  }

  /** The live log from its beginning until the build ended; `undefined` where the server has none. */
  async openLog(hash: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined> {
    const response = await this.#fetch(`/api/v1/build/${hash}/log?follow=1`, { signal });
    if (response.status === 200 && response.body) return response.body;
    await response.body?.cancel();
    return undefined;
  }

  /** A file of a finished build. @throws FarmError `unavailable` when it is not answered with 200. */
  async openFile(binDir: string, name: string, signal: AbortSignal): Promise<Response> {
    const response = await this.#fetch(`/store/${binDir}/${encodeURIComponent(name)}`, { signal });
    if (response.status === 200) return response;
    await response.body?.cancel();
    throw new FarmError('unavailable', `${name}: the server answers ${response.status}`);
  }

  /** Any JSON document of the server; `undefined` unless it is answered with 200. */
  async document(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.#fetch(path, { signal });
    const text = await response.text();
    return response.status === 200 ? parseJson(text) : undefined;
  }

  async #ask(path: string, signal: AbortSignal, init: RequestInit): Promise<PolledAnswer> {
    const response = await this.#fetch(path, {
      ...init,
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    const body = parseJson(await response.text());
    const retryAfter = Number(response.headers.get('retry-after'));
    const againMs = Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter * 1000 : POLL_MS;
    return { answer: readBuildAnswer(response.status, body), againMs: Math.min(againMs, MAX_POLL_MS) };
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.#server + path, { ...init, headers: { ...this.#headers, ...init.headers } });
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw cause;
      // fetch itself says only "fetch failed"; what failed stands behind it.
      const behind = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
      throw new FarmError('unavailable', `${this.#server} does not answer: ${messageOf(behind)}`, {
        cause: behind,
      });
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
