import { createHash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../shared/clock.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { createDispatcher, NO_PROXIES, type ProxySettings } from '../../shared/proxies.ts';
import { shippedOpenWrt } from './branches.ts';
import { CachedDocuments, type DocumentKind, type Entry } from './cached-documents.ts';
import type { Distribution } from './distribution.ts';
import type { FailingDocuments } from './failing-documents.ts';
import { DEFAULT_FETCH_LIMITS, type FetchLimits, fetchDocument } from './fetch-document.ts';
import { SHA256SUMS } from './sha256sums.ts';
import type { SharedCopy, SharedDocuments } from './shared-documents.ts';

export type { DocumentKind } from './cached-documents.ts';

export interface DocumentsConfig {
  /** URL of the mirror's root; a slash at its end does not matter. */
  readonly upstream: string;
  /** What the mirror is of. Default: OpenWrt. */
  readonly distribution?: Distribution;
  /** How long a document is used before it is asked for again, milliseconds. */
  readonly freshMs: number;
  /** The same for what upstream leaves as it is once it is published, see `isLasting`. Default `freshMs`. */
  readonly releaseFreshMs?: number;
  readonly limits?: FetchLimits;
  /** How long a reader waits for a fresh copy when an old one could be served, milliseconds. Default 500. */
  readonly patienceMs?: number;
  /** Most bytes of upstream text whose parsed form is kept. Default 256 MiB. */
  readonly maxCachedBytes?: number;
}

export interface DocumentsDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Default none. */
  readonly proxies?: ProxySettings;
  /** Where replicas find what one of them has fetched. Default: nowhere. */
  readonly shared?: SharedDocuments;
}

/** After a failure upstream is left alone for this long, milliseconds. */
const RETRY_MS = 5_000;
/** How often it is looked whether another replica has fetched what is wanted, milliseconds. */
const LOOK_MS = 100;
/** While upstream is slow nobody waits for it who has an old copy; it is given another chance after this, milliseconds. */
const SLOW_MS = 10_000;
/** What upstream does not have is asked for again after this at the latest: it may be on its way there. Milliseconds. */
const MISSING_FRESH_MS = 10_000;
/** For this long upstream has to deny a lasting document before a good copy of it is given up, milliseconds. */
const DENIED_MS = 10 * 60_000;
/** For this long a document that could not be read makes the whole catalog count as stale, milliseconds. */
const STALE_SHOWN_MS = 60_000;

/**
 * Documents of upstream by path, parsed once, each fetched by one request at a time, of one replica where they are shared. While
 * upstream fails the last good copy is served, the farm's where this replica has none. Disposing aborts what is being fetched.
 */
export class Documents implements AsyncDisposable {
  /** What they are of. */
  readonly distribution: Distribution;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #shared: SharedDocuments | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #config: DocumentsConfig;
  readonly #limits: FetchLimits;
  readonly #root: string;
  readonly #closing = new AbortController();
  readonly #cache: CachedDocuments;
  /** Until when nobody waits for upstream who need not. */
  #slowUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: DocumentsDependencies, config: DocumentsConfig) {
    this.distribution = config.distribution ?? shippedOpenWrt();
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#shared = deps.shared;
    this.#limits = config.limits ?? DEFAULT_FETCH_LIMITS;
    this.#dispatcher = createDispatcher(deps.proxies ?? NO_PROXIES, this.#limits.idleMs);
    this.#config = config;
    this.#root = config.upstream.replace(/\/+$/, '');
    this.#cache = new CachedDocuments(this.distribution, config.maxCachedBytes ?? 256 * 1024 ** 2);
  }

  /**
   * The document at `path` below the mirror's root as one of a kind, or undefined when upstream has none.
   * @param options.maxAgeMs asks upstream again when the copy is older; default: as long as such a document is fresh.
   * @throws FarmError `unavailable`, naming the document, when upstream fails and nothing is cached.
   */
  async read<T>(
    kind: DocumentKind<T>,
    path: string,
    options: { readonly maxAgeMs?: number } = {},
  ): Promise<T | undefined> {
    const entry = this.#cache.touch(kind, path);
    if (entry.sums !== undefined) await this.#lookAtSums(entry.sums, entry.answer !== undefined);
    const now = this.#clock.steadyMs();
    const maxAgeMs = Math.min(options.maxAgeMs ?? this.#freshMs(entry), this.#lastingMs(entry));
    const isFresh = now - entry.checkedAt < maxAgeMs && !this.#cache.wasBuiltAnew(entry);
    if (entry.answer && isFresh) return entry.answer.value as T | undefined;
    const isBackingOff = entry.failure && now - entry.failedAt < Math.min(RETRY_MS, this.#config.freshMs);
    if (!isBackingOff) await this.#refreshed(entry, maxAgeMs);
    if (entry.answer) {
      if (entry.failure) entry.servedStaleAt = this.#clock.steadyMs();
      return entry.answer.value as T | undefined;
    }
    throw entry.failure ?? new FarmError('unavailable', `${path} could not be read`);
  }

  /** Documents that upstream lately failed to give: served from an old copy, or not at all. */
  failing(): FailingDocuments {
    const since = this.#clock.steadyMs() - STALE_SHOWN_MS;
    const failing = this.#cache.filter(
      ({ failure, failedAt, servedStaleAt }) =>
        failure !== undefined && Math.max(failedAt, servedStaleAt) > since,
    );
    const old = failing.filter(({ answer }) => answer !== undefined).length;
    return { old, absent: failing.length - old };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the catalog is closing'));
    await Promise.all(this.#cache.flights());
    await this.#dispatcher.destroy();
  }

  #freshMs(entry: Entry): number {
    return entry.isLasting ? (this.#config.releaseFreshMs ?? this.#config.freshMs) : this.#config.freshMs;
  }

  /** What upstream does not have is not believed for as long as what it has. */
  #lastingMs(entry: Entry): number {
    const isMissing = entry.answer !== undefined && entry.answer.value === undefined;
    return isMissing ? MISSING_FRESH_MS : Number.POSITIVE_INFINITY;
  }

  /**
   * Reads a target's sums for whether they changed.
   * @param isHeld whether the document itself is: only then do the sums say something of it, and are waited for.
   */
  async #lookAtSums(path: string, isHeld: boolean): Promise<void> {
    const sums = this.#cache.touch(SHA256SUMS, path);
    if (sums.answer && this.#clock.steadyMs() - sums.checkedAt < this.#freshMs(sums)) return;
    const looking = this.read(SHA256SUMS, path).catch(() => undefined);
    if (isHeld && !this.#isSlow()) await this.#patiently(looking);
  }

  #isSlow(): boolean {
    return this.#clock.steadyMs() < this.#slowUntil;
  }

  /** Waits for something of upstream, but not for long; when it was too long, upstream counts as slow for a while. */
  async #patiently(work: Promise<unknown>): Promise<void> {
    const waiting = new AbortController();
    const patience = this.#clock.sleep(this.#config.patienceMs ?? 500, waiting.signal).then(
      () => {
        this.#slowUntil = this.#clock.steadyMs() + SLOW_MS;
      },
      () => undefined,
    );
    await Promise.race([work, patience]);
    waiting.abort();
  }

  /** Resolves when the entry was asked for again, or sooner when an old copy can be served. Never rejects. */
  async #refreshed(entry: Entry, maxAgeMs: number): Promise<void> {
    entry.flight ??= this.#refresh(entry, maxAgeMs).finally(() => {
      entry.flight = undefined;
    });
    const { flight } = entry;
    if (!entry.answer && !this.#shared) return flight;
    if (entry.answer && this.#isSlow()) return;
    await this.#patiently(flight);
    // The farm's old copy may have come meanwhile.
    if (!entry.answer) await flight;
  }

  async #refresh(entry: Entry, maxAgeMs: number): Promise<void> {
    try {
      const copy = await this.#adoptShared(entry, maxAgeMs);
      if (copy !== 'fresh') await this.#fetch(entry, maxAgeMs);
      entry.failure = undefined;
    } catch (cause) {
      this.#noteFailure(entry, cause);
    }
  }

  /** Takes the farm's copy where it is newer than ours. */
  async #adoptShared(entry: Entry, maxAgeMs: number): Promise<'fresh' | 'old' | undefined> {
    const shared = this.#shared;
    const copy = await shared?.look(this.#url(entry));
    if (!shared || !copy) return undefined;
    const isRecent = copy.ageMs < (copy.tag === '' ? Math.min(maxAgeMs, MISSING_FRESH_MS) : maxAgeMs);
    const isFresh = isRecent && !this.#cache.wasBuiltAnew(entry, this.#clock.steadyMs() - copy.ageMs);
    if (!isFresh && entry.answer) return 'old';
    const isHeld = entry.answer !== undefined && entry.tag === copy.tag;
    const bytes = isHeld || copy.tag === '' ? undefined : await shared.bytes(this.#url(entry), copy.tag);
    if (!isHeld && copy.tag !== '' && !bytes) return undefined;
    this.#take(entry, copy, bytes);
    return isFresh ? 'fresh' : 'old';
  }

  #take(entry: Entry, copy: SharedCopy, bytes: Buffer | undefined): void {
    const now = this.#clock.steadyMs();
    if (bytes) this.#cache.keep(entry, entry.kind.parse(bytes, this.distribution), bytes.byteLength);
    else if (copy.tag === '') this.#cache.keep(entry, this.#nothing(entry), 0);
    entry.tag = copy.tag;
    entry.validators = copy.validators;
    entry.checkedAt = now - copy.ageMs;
    if (copy.changedMs !== undefined) this.#cache.changed(entry.path, now - copy.changedMs);
  }

  /** Fetches from upstream, or waits for the replica that does. */
  async #fetch(entry: Entry, maxAgeMs: number): Promise<void> {
    const url = this.#url(entry);
    for (;;) {
      const claim = this.#shared ? await this.#shared.claim(url, this.#limits.totalMs) : undefined;
      if (claim || !this.#shared) {
        await using _claim = claim;
        return await this.#fetchHere(entry, url);
      }
      await this.#clock.sleep(LOOK_MS, this.#closing.signal);
      if ((await this.#adoptShared(entry, maxAgeMs)) === 'fresh') return;
    }
  }

  async #fetchHere(entry: Entry, url: string): Promise<void> {
    const fetched = await fetchDocument({
      dispatcher: this.#dispatcher,
      url,
      maxBytes: entry.kind.maxBytes,
      limits: this.#limits,
      validators: entry.answer?.value === undefined ? undefined : entry.validators,
      signal: this.#closing.signal,
    });
    if (fetched.kind === 'missing') this.#checkDenial(entry);
    else entry.deniedAt = undefined;
    if (fetched.kind === 'unchanged') {
      await this.#shared?.confirm(url, entry.tag);
    } else {
      const bytes = fetched.kind === 'bytes' ? fetched.bytes : undefined;
      const tag = bytes ? tagOf(bytes) : '';
      const validators =
        fetched.kind === 'bytes' ? fetched.validators : { etag: undefined, lastModified: undefined };
      const value = bytes ? entry.kind.parse(bytes, this.distribution) : this.#nothing(entry);
      if (entry.answer && entry.tag !== tag) this.#cache.changed(entry.path, this.#clock.steadyMs());
      if (!entry.answer || entry.tag !== tag) this.#cache.keep(entry, value, bytes?.byteLength ?? 0);
      entry.tag = tag;
      entry.validators = validators;
      await this.#shared?.keep(url, { tag, validators, bytes });
    }
    entry.checkedAt = this.#clock.steadyMs();
  }

  /** A mirror that is being filled, or half of a cluster, denies what it had a moment ago: a lasting document stays for a while. */
  #checkDenial(entry: Entry): void {
    if (!entry.isLasting || entry.answer?.value === undefined) return;
    entry.deniedAt ??= this.#clock.steadyMs();
    if (this.#clock.steadyMs() - entry.deniedAt >= DENIED_MS) return;
    throw new FarmError('unavailable', 'upstream no longer has it, as it says');
  }

  /** What a document is that upstream does not have. */
  #nothing(entry: Entry): undefined {
    if (entry.kind.isRequired) throw new FarmError('unavailable', 'upstream has no such document');
    return undefined;
  }

  #url(entry: Entry): string {
    return `${this.#root}/${entry.path}`;
  }

  #noteFailure(entry: Entry, cause: unknown): void {
    const { path } = entry;
    entry.failedAt = this.#clock.steadyMs();
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

/** Tells the bytes of one document from others. */
function tagOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
