import {
  type BuilderSource,
  builderName,
  builderToken,
  type PinnedBuilder,
} from '../../shared/domain/builder.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { byteSizeText } from '../byte-size.ts';
import { removeTree } from '../sandbox/tree.ts';
import { keepBuilder, loadBuilders, newStaging, removeBuilder } from './builder-store.ts';
import { DiskRoom, type HeldBuilder } from './disk-room.ts';
import { type FetchConfig, type FetchDeps, fetchBuilder } from './fetch-builder.ts';
import type { DiskLimits } from './plan-room.ts';
import { callOffError, SharedFetches, type WarmUpOptions } from './shared-fetches.ts';
import type { WarmBuilder } from './warm-builder.ts';

export interface BuilderCacheDeps extends FetchDeps {
  readonly log: Log;
  readonly freeDiskBytes: (directory: string) => Promise<number>;
  /** Told when a builder was removed to make room. */
  readonly onRemoved: () => void;
}

export interface BuilderCacheConfig extends FetchConfig {
  /** Folder for builders, owned by the cache alone. */
  readonly directory: string;
  readonly disk: DiskLimits;
}

/** A warm builder in use: it stays on disk until released, even when a newer digest replaces it. */
export interface BuilderUse extends Disposable {
  readonly builder: WarmBuilder;
}

/** The builders this agent has unpacked and verified. */
export interface BuilderCache extends AsyncDisposable {
  /** What attempts may be granted for: of each builder the newest digest, with what it takes and took. */
  warm(): Pull['warm'];
  /** What is being fetched. */
  warming(): readonly PinnedBuilder[];
  /** Most bytes its builders may take, while so many are free on their disk; `undefined` for no limit but the disk. */
  diskBudgetBytes(diskFreeBytes: number): number | undefined;
  /**
   * Makes a builder warm; at once when it is. Equal calls at the same time share one fetch, which stops when all of them
   * are aborted; progress goes to each. An older digest stays warm until the new one is, unless it is evictable and its
   * room is needed.
   * @throws FarmError `infrastructure` with the reason, `details.stale` when upstream has another digest; `cancelled`.
   */
  warmUp(source: BuilderSource, options: WarmUpOptions): Promise<WarmBuilder>;
  /** Removes builders in this order until the rest takes no more than it may; what is in use stays. */
  shrink(evictable: readonly PinnedBuilder[]): Promise<void>;
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

/** States of an entry: current → replaced (a newer digest came) → removed (replaced, or evicted, and used by nobody). */
interface Entry {
  readonly builder: WarmBuilder;
  users: number;
  isReplaced: boolean;
}

class DiskBuilderCache implements BuilderCache {
  readonly #deps: BuilderCacheDeps;
  readonly #config: BuilderCacheConfig;
  /** By `<token>/<digest>`. */
  readonly #entries = new Map<string, Entry>();
  readonly #removals = new Set<Promise<void>>();
  readonly #room: DiskRoom;
  readonly #fetches = new SharedFetches(async (source, options) => await this.#fetch(source, options));
  #isClosed = false;

  constructor(deps: BuilderCacheDeps, config: BuilderCacheConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#room = new DiskRoom(
      {
        held: () => [...this.#entries.values()].map(heldBuilder),
        freeBytes: async () => {
          await Promise.all(this.#removals);
          return await deps.freeDiskBytes(config.directory);
        },
        remove: async (wanted) => await this.#evict(wanted),
      },
      config.disk,
    );
  }

  warm(): Pull['warm'] {
    return [...this.#entries.values()]
      .filter((entry) => !entry.isReplaced)
      .map(({ builder: { source, sizeBytes, warmedInMs } }) => ({
        ...pinned(source),
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
        ...(warmedInMs === undefined ? {} : { warmedInMs }),
      }));
  }

  diskBudgetBytes(diskFreeBytes: number): number | undefined {
    return this.#room.budgetBytes(diskFreeBytes);
  }

  warming(): readonly PinnedBuilder[] {
    return this.#fetches.running().map(pinned);
  }

  async shrink(evictable: readonly PinnedBuilder[]): Promise<void> {
    await this.#room.shrink(evictable);
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

  async warmUp(source: BuilderSource, options: WarmUpOptions): Promise<WarmBuilder> {
    if (this.#isClosed) throw new FarmError('cancelled', 'the builder cache is closed');
    if (options.signal.aborted) throw callOffError(source);
    const entry = this.#entries.get(keyOf(source));
    if (entry) {
      this.#makeCurrent(entry);
      return entry.builder;
    }
    return await this.#fetches.join(source, options);
  }

  /** Takes in a builder that lies on disk; it replaces the others of its name. */
  adopt(builder: WarmBuilder): void {
    const entry = { builder, users: 0, isReplaced: false };
    this.#entries.set(keyOf(builder.source), entry);
    this.#makeCurrent(entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#fetches[Symbol.asyncDispose]();
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

  async #fetch(source: BuilderSource, options: WarmUpOptions): Promise<WarmBuilder> {
    const { directory } = this.#config;
    using room = this.#room.claim(source, options.evictable ?? []);
    let staging: string | undefined;
    try {
      staging = await newStaging(directory);
      const record = await fetchBuilder(source, staging, this.#deps, this.#config, { ...options, room });
      // A removal of this very digest must not take away what comes now.
      await Promise.all(this.#removals);
      if (options.signal.aborted) throw callOffError(source);
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
    this.#remove(entry);
  }

  /** A builder that is in use, or gone already, is left as it is. */
  async #evict({ builder, digest }: PinnedBuilder): Promise<void> {
    const entry = this.#entries.get(`${builder}/${digest}`);
    if (!entry || entry.users > 0) return;
    this.#remove(entry);
    const { source, sizeBytes = 0 } = entry.builder;
    this.#deps.log.info(
      { builder: builderName(source), digest },
      `builder is removed to make room: ${byteSizeText(sizeBytes)}`,
    );
    this.#deps.onRemoved();
    await Promise.all(this.#removals);
  }

  #remove(entry: Entry): void {
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

function heldBuilder({ builder, users }: Entry): HeldBuilder {
  const { source, sizeBytes = 0, archiveBytes } = builder;
  return {
    ...pinned(source),
    sizeBytes,
    ...(archiveBytes === undefined ? {} : { archiveBytes }),
    isInUse: users > 0,
  };
}

function pinned(source: BuilderSource): PinnedBuilder {
  return { builder: builderToken(source), digest: source.digest };
}

function keyOf(source: BuilderSource): string {
  return `${builderToken(source)}/${source.digest}`;
}
