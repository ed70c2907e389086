import {
  type BuilderSource,
  builderName,
  builderToken,
  type PinnedBuilder,
} from '../../shared/domain/builder.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import { removeTree } from '../sandbox/tree.ts';
import { keepBuilder, loadBuilders, newStaging, removeBuilder } from './builder-store.ts';
import { type FetchConfig, type FetchDeps, type FetchOptions, fetchBuilder } from './fetch-builder.ts';
import type { WarmBuilder } from './warm-builder.ts';

export interface BuilderCacheDeps extends FetchDeps {
  readonly log: Log;
}

export interface BuilderCacheConfig extends FetchConfig {
  /** Folder for builders, owned by the cache alone. */
  readonly directory: string;
}

/** A warm builder in use: it stays on disk until released, even when a newer digest replaces it. */
export interface BuilderUse extends Disposable {
  readonly builder: WarmBuilder;
}

/** The builders this agent has unpacked and verified. */
export interface BuilderCache extends AsyncDisposable {
  /** What attempts may be granted for: of each builder the newest digest. */
  warm(): readonly PinnedBuilder[];
  /** What is being fetched. */
  warming(): readonly PinnedBuilder[];
  /**
   * Makes a builder warm; at once when it is. Equal calls at the same time share one fetch, which stops when all of them
   * are aborted; progress goes to each.
   * @throws FarmError `infrastructure` with the reason, `details.stale` when upstream has another digest; `cancelled`.
   */
  warmUp(source: BuilderSource, options: FetchOptions): Promise<WarmBuilder>;
  get(token: string, digest: string): WarmBuilder | undefined;
  /** As `get`, and keeps it on disk until the use is disposed of. */
  acquire(token: string, digest: string): BuilderUse | undefined;
}

/** Opens the cache with what an earlier life of the agent left warm. Disposing stops fetches and keeps the builders. */
export async function openBuilderCache(
  deps: BuilderCacheDeps,
  config: BuilderCacheConfig,
): Promise<BuilderCache> {
  const cache = new DiskBuilderCache(deps, config);
  for (const { builder } of await loadBuilders(config.directory)) cache.adopt(builder);
  return cache;
}

/** States of an entry: current → replaced (a newer digest came) → removed (replaced and used by nobody). */
interface Entry {
  readonly builder: WarmBuilder;
  users: number;
  isReplaced: boolean;
}

interface Flight {
  readonly pinned: PinnedBuilder;
  readonly done: Promise<WarmBuilder>;
  readonly controller: AbortController;
  readonly listeners: Set<(line: string) => void>;
}

class DiskBuilderCache implements BuilderCache {
  readonly #deps: BuilderCacheDeps;
  readonly #config: BuilderCacheConfig;
  /** By `<token>/<digest>`. */
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Map<string, Flight>();
  readonly #removals = new Set<Promise<void>>();
  /** Fetches until they ended, also those nobody waits for any more. */
  readonly #fetches = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(deps: BuilderCacheDeps, config: BuilderCacheConfig) {
    this.#deps = deps;
    this.#config = config;
  }

  warm(): readonly PinnedBuilder[] {
    return [...this.#entries.values()]
      .filter((entry) => !entry.isReplaced)
      .map((entry) => pinned(entry.builder.source));
  }

  warming(): readonly PinnedBuilder[] {
    return [...this.#flights.values()].map((flight) => flight.pinned);
  }

  get(token: string, digest: string): WarmBuilder | undefined {
    return this.#entries.get(`${token}/${digest}`)?.builder;
  }

  acquire(token: string, digest: string): BuilderUse | undefined {
    const entry = this.#entries.get(`${token}/${digest}`);
    if (!entry) return undefined;
    entry.users += 1;
    let isReleased = false;
    return {
      builder: entry.builder,
      [Symbol.dispose]: () => {
        if (isReleased) return;
        isReleased = true;
        entry.users -= 1;
        this.#removeUnused(entry);
      },
    };
  }

  async warmUp(source: BuilderSource, options: FetchOptions): Promise<WarmBuilder> {
    if (this.#isClosed) throw new FarmError('cancelled', 'the builder cache is closed');
    if (options.signal.aborted) throw cancelled(source);
    const key = keyOf(source);
    const entry = this.#entries.get(key);
    if (entry) {
      this.#makeCurrent(entry);
      return entry.builder;
    }
    const flight = this.#flights.get(key) ?? this.#takeOff(source, key);
    const listener = (line: string): void => options.onProgress(line);
    flight.listeners.add(listener);
    return await new Promise<WarmBuilder>((resolve, reject) => {
      const leave = (): void => {
        flight.listeners.delete(listener);
        if (flight.listeners.size === 0) this.#callOff(flight, key);
        reject(cancelled(source));
      };
      options.signal.addEventListener('abort', leave, { once: true });
      flight.done.then(resolve, reject).finally(() => options.signal.removeEventListener('abort', leave));
    });
  }

  /** Takes in a builder that lies on disk; it replaces the others of its name. */
  adopt(builder: WarmBuilder): void {
    const entry = { builder, users: 0, isReplaced: false };
    this.#entries.set(keyOf(builder.source), entry);
    this.#makeCurrent(entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const [key, flight] of this.#flights) this.#callOff(flight, key);
    await Promise.allSettled(this.#fetches);
    await Promise.all(this.#removals);
  }

  #makeCurrent(entry: Entry): void {
    const token = builderToken(entry.builder.source);
    entry.isReplaced = false;
    for (const other of this.#entries.values()) {
      if (other === entry || builderToken(other.builder.source) !== token) continue;
      other.isReplaced = true;
      this.#removeUnused(other);
    }
  }

  #callOff(flight: Flight, key: string): void {
    flight.controller.abort();
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  #takeOff(source: BuilderSource, key: string): Flight {
    const controller = new AbortController();
    const listeners = new Set<(line: string) => void>();
    const onProgress = (line: string): void => {
      for (const listener of listeners) listener(line);
    };
    const done = this.#fetch(source, { onProgress, signal: controller.signal });
    const flight = { pinned: pinned(source), done, controller, listeners };
    const ended: Promise<void> = done.then(
      () => this.#land(flight, key, ended),
      () => this.#land(flight, key, ended),
    );
    this.#fetches.add(ended);
    this.#flights.set(key, flight);
    return flight;
  }

  #land(flight: Flight, key: string, ended: Promise<unknown>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    this.#fetches.delete(ended);
  }

  async #fetch(source: BuilderSource, options: FetchOptions): Promise<WarmBuilder> {
    const { directory } = this.#config;
    let staging: string | undefined;
    try {
      staging = await newStaging(directory);
      const record = await fetchBuilder(source, staging, this.#deps, this.#config, options);
      // A removal of this very digest must not take away what comes now.
      await Promise.all(this.#removals);
      if (options.signal.aborted) throw cancelled(source);
      const builder = await keepBuilder(directory, staging, record);
      this.adopt(builder);
      return builder;
    } catch (thrown) {
      if (staging) await removeTree(staging).catch((cause: unknown) => this.#warn(cause));
      if (thrown instanceof FarmError) throw thrown;
      throw new FarmError('infrastructure', `${builderName(source)}: ${messageOf(thrown)}`, {
        cause: thrown,
        details: { breakage: 'disk' },
      });
    }
  }

  #removeUnused(entry: Entry): void {
    if (!entry.isReplaced || entry.users > 0) return;
    const key = keyOf(entry.builder.source);
    if (this.#entries.get(key) !== entry) return;
    this.#entries.delete(key);
    const removal = removeBuilder(this.#config.directory, entry.builder)
      .catch((cause: unknown) => this.#warn(cause))
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #warn(cause: unknown): void {
    this.#deps.log.warn({ err: cause }, `an old builder was not removed: ${messageOf(cause)}`);
  }
}

function pinned(source: BuilderSource): PinnedBuilder {
  return { builder: builderToken(source), digest: source.digest };
}

function keyOf(source: BuilderSource): string {
  return `${builderToken(source)}/${source.digest}`;
}

function cancelled(source: BuilderSource): FarmError {
  return new FarmError('cancelled', `making ${builderName(source)} warm was cancelled`);
}
