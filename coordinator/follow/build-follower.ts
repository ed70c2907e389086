import { BUILD_LOG_NAME } from '../../shared/domain/artifact.ts';
import { binDir, isFinal } from '../../shared/domain/build.ts';
import type { AttemptId } from '../../shared/domain/lease.ts';
import type { StoredFiles } from '../artifacts/artifact-store.ts';
import type { AttemptStore, LogEnd } from '../builds/attempt-store.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import { advance, type LogPosition, startOf } from './log-position.ts';
import { Slowness } from './slowness.ts';
import type { WatchedBuild } from './watched-build.ts';
import type { WatchedBuilds } from './watched-builds.ts';

/** What happens to a build, in the order in which a follower is to see it. */
export type BuildNews =
  /** Not final yet; told first of all, and whenever it was looked at. */
  | { readonly kind: 'state'; readonly record: BuildRecord }
  | { readonly kind: 'log'; readonly bytes: Buffer; readonly start: LogPosition }
  /** An attempt was lost, and its log ends; the next one's follows. */
  | { readonly kind: 'lost'; readonly attempt: number; readonly next: LogPosition }
  /** This reader is too slow: it goes on with what is newest. */
  | { readonly kind: 'gap'; readonly skippedBytes: number; readonly next: LogPosition }
  | { readonly kind: 'final'; readonly record: BuildRecord };

export interface FollowOptions {
  /** On to the build's end, over all further attempts; else what there is. */
  readonly follow: boolean;
  /** Where an earlier reading ended, on any coordinator. Counts for this generation only. */
  readonly from?: LogPosition | undefined;
  /** Ends it silently. */
  readonly signal: AbortSignal;
}

export interface BuildFollowerDependencies {
  readonly attempts: Pick<AttemptStore, 'logEnd'>;
  readonly files: StoredFiles;
  readonly watched: WatchedBuilds;
  /** How long a follower may keep what is newest waiting before it is left behind, milliseconds. Default 5 000. */
  readonly patienceMs?: number;
}

/**
 * Builds with their logs, as they are made and afterwards. Nothing is kept for a follower: each reads on from Redis, and
 * afterwards from the kept file, as soon as it has taken what it was given.
 */
export class BuildFollower {
  readonly #deps: BuildFollowerDependencies;

  constructor(deps: BuildFollowerDependencies) {
    this.#deps = deps;
  }

  /** Ends at once for an unknown build. Rejects when it cannot be looked at in the beginning; later on that is waited for. */
  async *follow(requestHash: string, options: FollowOptions): AsyncGenerator<BuildNews> {
    using watched = this.#deps.watched.watch(requestHash);
    await watched.build.ready();
    yield* new Following(this.#deps, watched.build, options).run();
  }
}

class Following {
  readonly #deps: BuildFollowerDependencies;
  readonly #build: WatchedBuild;
  readonly #options: FollowOptions;
  readonly #slowness: Slowness;
  #at: LogPosition | undefined;

  constructor(deps: BuildFollowerDependencies, build: WatchedBuild, options: FollowOptions) {
    this.#deps = deps;
    this.#build = build;
    this.#options = options;
    this.#at = options.from;
    this.#slowness = new Slowness(deps.patienceMs ?? 5_000);
  }

  async *run(): AsyncGenerator<BuildNews> {
    const { follow, signal } = this.#options;
    let told: BuildRecord | undefined;
    while (!signal.aborted) {
      const { record, version } = this.#build;
      if (!record) return;
      const isEnded = isFinal(record.state);
      if (!isEnded && record !== told) yield { kind: 'state', record };
      told = record;
      const at = this.#positionIn(record);
      const isBehind = at.attempt !== record.attempt;
      if (isEnded && !isBehind && (yield* this.#kept(record, at))) {
        yield { kind: 'final', record };
        return;
      }
      const chunks = await this.#read({ ...record, attempt: at.attempt }, at);
      if (chunks && chunks.length > 0) {
        yield* this.#pass(chunks, at);
        yield* this.#skipIfSlow(record);
      } else if (chunks && isBehind) {
        const next = startOf(record.generation, record.attempt);
        if (at.attempt > 0) yield { kind: 'lost', attempt: at.attempt, next };
        this.#at = next;
      } else if (chunks && isEnded) {
        yield { kind: 'final', record };
        return;
      } else {
        if (!follow) return;
        this.#slowness.caughtUp();
        await this.#build.changed(version, signal);
      }
    }
  }

  #positionIn({ generation, attempt }: BuildRecord): LogPosition {
    if (this.#at?.generation !== generation) this.#at = startOf(generation, attempt);
    return this.#at;
  }

  /** Undefined while the log cannot be read. */
  async #read(id: AttemptId, at: LogPosition): Promise<readonly Buffer[] | undefined> {
    if (id.attempt === 0) return [];
    try {
      return await this.#build.readLog(id, at.chunk);
    } catch (thrown) {
      if (this.#options.follow) return undefined;
      throw thrown;
    }
  }

  async *#pass(chunks: readonly Buffer[], from: LogPosition): AsyncGenerator<BuildNews> {
    let start = from;
    for (const chunk of chunks) {
      const bytes = chunk.subarray(start.chunkBytes);
      if (bytes.length > 0) yield* this.#slowness.timed({ kind: 'log', bytes, start });
      const chunkBytes = Math.max(0, start.chunkBytes - chunk.length);
      start = { ...start, chunk: start.chunk + 1, chunkBytes, bytes: start.bytes + bytes.length };
      this.#at = start;
    }
  }

  /** The kept log of a build that ended, the same bytes as its chunks. False when there is none. */
  async *#kept(record: BuildRecord, from: LogPosition): AsyncGenerator<BuildNews, boolean> {
    const file = await this.#deps.files.find(binDir(record.requestHash, record.generation), BUILD_LOG_NAME);
    if (!file) return false;
    if (from.bytes >= file.sizeBytes) return true;
    let start = from;
    for await (const piece of file.read({ start: from.bytes, end: file.sizeBytes - 1 })) {
      const bytes = piece as Buffer;
      yield { kind: 'log', bytes, start };
      start = advance(start, bytes.length);
    }
    return true;
  }

  async *#skipIfSlow(record: BuildRecord): AsyncGenerator<BuildNews> {
    if (!this.#slowness.isTooMuch || !this.#at) return;
    const at = this.#at;
    // The rest of an attempt that was lost does not grow.
    if (at.attempt !== record.attempt) return;
    const end: LogEnd | undefined = await this.#deps.attempts.logEnd(record).catch(() => undefined);
    if (!end || !this.#slowness.isWorth(end.bytes - at.bytes)) return;
    const next = { ...startOf(at.generation, at.attempt), chunk: end.chunk, bytes: end.bytes };
    this.#at = next;
    this.#slowness.caughtUp();
    yield { kind: 'gap', skippedBytes: end.bytes - at.bytes, next };
  }
}
