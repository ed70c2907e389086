import {
  type BuilderSource,
  builderName,
  builderToken,
  type PinnedBuilder,
} from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import type { FetchOptions } from './fetch-builder.ts';
import type { WarmBuilder } from './warm-builder.ts';

export interface WarmUpOptions extends FetchOptions {
  /** What may be removed for it, in this order; what is in use stays. Default: nothing. */
  readonly evictable?: readonly PinnedBuilder[];
}

interface Fetch {
  readonly source: BuilderSource;
  readonly done: Promise<WarmBuilder>;
  readonly controller: AbortController;
  readonly listeners: Set<(line: string) => void>;
}

/** Fetches of builders, one for all that want the same at the same time. Disposing calls all off and waits for their end. */
export class SharedFetches implements AsyncDisposable {
  readonly #fetch: (source: BuilderSource, options: WarmUpOptions) => Promise<WarmBuilder>;
  /** By `<token>/<digest>`. */
  readonly #running = new Map<string, Fetch>();
  /** Until they ended, also those nobody waits for any more. */
  readonly #work = new Set<Promise<void>>();

  constructor(fetch: (source: BuilderSource, options: WarmUpOptions) => Promise<WarmBuilder>) {
    this.#fetch = fetch;
  }

  /** What is fetched for somebody. */
  running(): readonly BuilderSource[] {
    return [...this.#running.values()].map((fetch) => fetch.source);
  }

  /**
   * The result of the fetch under way, or of a new one, which is stopped when all who joined it have aborted. The first one
   * says what is evictable.
   * @throws FarmError `cancelled` when the signal is aborted; what the fetch throws.
   */
  async join(source: BuilderSource, options: WarmUpOptions): Promise<WarmBuilder> {
    const key = `${builderToken(source)}/${source.digest}`;
    const fetch = this.#running.get(key) ?? this.#begin(source, key, options);
    const listener = (line: string): void => options.onProgress(line);
    fetch.listeners.add(listener);
    return await new Promise<WarmBuilder>((resolve, reject) => {
      const leave = (): void => {
        fetch.listeners.delete(listener);
        if (fetch.listeners.size === 0) this.#callOff(fetch, key);
        reject(callOffError(source));
      };
      options.signal.addEventListener('abort', leave, { once: true });
      fetch.done.then(resolve, reject).finally(() => options.signal.removeEventListener('abort', leave));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, fetch] of this.#running) this.#callOff(fetch, key);
    await Promise.all(this.#work);
  }

  #begin(source: BuilderSource, key: string, { evictable = [] }: WarmUpOptions): Fetch {
    const controller = new AbortController();
    const listeners = new Set<(line: string) => void>();
    const onProgress = (line: string): void => {
      for (const listener of listeners) listener(line);
    };
    const done = this.#fetch(source, { onProgress, signal: controller.signal, evictable });
    const fetch = { source, done, controller, listeners };
    const land = (): void => {
      if (this.#running.get(key) === fetch) this.#running.delete(key);
      this.#work.delete(ended);
    };
    const ended: Promise<void> = done.then(land, land);
    this.#work.add(ended);
    this.#running.set(key, fetch);
    return fetch;
  }

  #callOff(fetch: Fetch, key: string): void {
    fetch.controller.abort();
    if (this.#running.get(key) === fetch) this.#running.delete(key);
  }
}

/** What a fetch that was called off ends with. */
export function callOffError(source: BuilderSource): FarmError {
  return new FarmError('cancelled', `making ${builderName(source)} warm was cancelled`);
}
