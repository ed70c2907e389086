import type { Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { createDispatcher, NO_PROXIES, type ProxySettings } from '../../shared/proxies.ts';
import { DEFAULT_FETCH_LIMITS, type FetchLimits, fetchDocument, type Validators } from './fetch-document.ts';

/** How one kind of upstream document is read. */
export interface DocumentKind<T> {
  /** Throws on anything that is not such a document: an error page, half a file. */
  readonly parse: (bytes: Buffer) => T;
  readonly maxBytes: number;
  /** True when upstream cannot do without it, so that a 404 is a failure and not an answer. Default false. */
  readonly isRequired?: boolean;
}

export interface DocumentsConfig {
  /** URL of the mirror's root; a slash at its end does not matter. */
  readonly upstream: string;
  /** How long a document is used before it is asked for again, milliseconds. */
  readonly freshMs: number;
  readonly limits?: FetchLimits;
  /** How long a reader waits for a fresh copy when an old one could be served, milliseconds. Default 2000. */
  readonly patienceMs?: number;
  /** Most bytes of upstream text whose parsed form is kept. Default 256 MiB. */
  readonly maxCachedBytes?: number;
}

export interface DocumentsDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Default none. */
  readonly proxies?: ProxySettings;
}

interface Entry {
  /** `value` is undefined when upstream has no such document. */
  answer: { readonly value: unknown; readonly sizeBytes: number } | undefined;
  validators: Validators | undefined;
  checkedAt: number;
  /** Why the newest try failed; undefined after a success. */
  failure: FarmError | undefined;
  failedAt: number;
  servedStaleAt: number;
  flight: Promise<void> | undefined;
}

/** After a failure upstream is left alone for this long, milliseconds. */
const RETRY_MS = 5_000;
/** For this long a document served from an old copy makes the whole catalog count as stale, milliseconds. */
const STALE_SHOWN_MS = 300_000;

/**
 * Documents of upstream by path, parsed once, each fetched by one request at a time. While upstream fails the last good
 * copy is served; the least recently used ones are forgotten first. Disposing aborts what is being fetched.
 */
export class Documents implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #dispatcher: Dispatcher;
  readonly #config: DocumentsConfig;
  readonly #root: string;
  readonly #closing = new AbortController();
  /** In the order of use, the least recent first. */
  readonly #entries = new Map<string, Entry>();
  #cachedBytes = 0;

  constructor(deps: DocumentsDependencies, config: DocumentsConfig) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#dispatcher = createDispatcher(
      deps.proxies ?? NO_PROXIES,
      (config.limits ?? DEFAULT_FETCH_LIMITS).idleMs,
    );
    this.#config = config;
    this.#root = config.upstream.replace(/\/+$/, '');
  }

  /**
   * The document at `path` below the mirror's root, or undefined when upstream has none. A path is always read as one kind.
   * @param options.maxAgeMs asks upstream again when the copy is older; default `freshMs`.
   * @throws FarmError `unavailable`, naming the document, when upstream fails and nothing is cached.
   */
  async read<T>(
    kind: DocumentKind<T>,
    path: string,
    options: { readonly maxAgeMs?: number } = {},
  ): Promise<T | undefined> {
    const entry = this.#touch(path);
    const now = this.#clock.now();
    const maxAgeMs = options.maxAgeMs ?? this.#config.freshMs;
    if (entry.answer && now - entry.checkedAt < maxAgeMs) return entry.answer.value as T | undefined;
    const isBackingOff = entry.failure && now - entry.failedAt < Math.min(RETRY_MS, this.#config.freshMs);
    if (!isBackingOff) await this.#refreshed(kind, path, entry);
    if (entry.answer) {
      if (entry.failure) entry.servedStaleAt = this.#clock.now();
      return entry.answer.value as T | undefined;
    }
    throw entry.failure ?? new FarmError('unavailable', `${path} could not be read`);
  }

  /** Whether something was lately served from an old copy because upstream fails. */
  isStale(): boolean {
    const since = this.#clock.now() - STALE_SHOWN_MS;
    return [...this.#entries.values()].some((entry) => entry.failure && entry.servedStaleAt > since);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the catalog is closing'));
    await Promise.all([...this.#entries.values()].map((entry) => entry.flight));
    await this.#dispatcher.destroy();
  }

  #touch(path: string): Entry {
    const entry = this.#entries.get(path) ?? {
      answer: undefined,
      validators: undefined,
      checkedAt: 0,
      failure: undefined,
      failedAt: 0,
      servedStaleAt: Number.NEGATIVE_INFINITY,
      flight: undefined,
    };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    return entry;
  }

  /** Resolves when the entry was asked for again, or sooner when an old copy can be served. Never rejects. */
  async #refreshed(kind: DocumentKind<unknown>, path: string, entry: Entry): Promise<void> {
    entry.flight ??= this.#refresh(kind, path, entry).finally(() => {
      entry.flight = undefined;
    });
    if (!entry.answer) return entry.flight;
    const waiting = new AbortController();
    const patience = this.#clock
      .sleep(this.#config.patienceMs ?? 2_000, waiting.signal)
      .catch(() => undefined);
    await Promise.race([entry.flight, patience]);
    waiting.abort();
  }

  async #refresh(kind: DocumentKind<unknown>, path: string, entry: Entry): Promise<void> {
    try {
      const fetched = await fetchDocument({
        dispatcher: this.#dispatcher,
        url: `${this.#root}/${path}`,
        maxBytes: kind.maxBytes,
        limits: this.#config.limits ?? DEFAULT_FETCH_LIMITS,
        validators: entry.answer?.value === undefined ? undefined : entry.validators,
        signal: this.#closing.signal,
      });
      if (fetched.kind === 'bytes') {
        this.#keep(entry, kind.parse(fetched.bytes), fetched.bytes.byteLength);
        entry.validators = fetched.validators;
      } else if (fetched.kind === 'missing') {
        if (kind.isRequired) throw new FarmError('unavailable', 'upstream has no such document');
        this.#keep(entry, undefined, 0);
      }
      entry.checkedAt = this.#clock.now();
      entry.failure = undefined;
    } catch (cause) {
      entry.failedAt = this.#clock.now();
      entry.failure = new FarmError(
        'unavailable',
        `${path} could not be read from upstream: ${messageOf(cause)}`,
        { cause, details: { document: path } },
      );
      this.#log.warn(
        { document: path, reason: messageOf(cause), cached: entry.answer !== undefined },
        'upstream failed',
      );
    }
  }

  #keep(entry: Entry, value: unknown, sizeBytes: number): void {
    this.#cachedBytes += sizeBytes - (entry.answer?.sizeBytes ?? 0);
    entry.answer = { value, sizeBytes };
    for (const [path, oldest] of this.#entries) {
      if (this.#cachedBytes <= (this.#config.maxCachedBytes ?? 256 * 1024 ** 2)) break;
      if (oldest === entry || oldest.flight) continue;
      this.#entries.delete(path);
      this.#cachedBytes -= oldest.answer?.sizeBytes ?? 0;
    }
  }
}
