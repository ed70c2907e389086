import { isFinal } from '../../shared/domain/build.ts';
import type { AttemptId } from '../../shared/domain/lease.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import type { NewsOf, Watch } from '../builds/watch.ts';

/** A build is looked at this often, for its place in the queue and for notifications that were lost, milliseconds. */
const LOOK_MS = 1_000;
/** However often a build is said to have changed, it is looked at no sooner than this after the last look, milliseconds. */
const MIN_LOOK_MS = 100;

export interface WatchedBuildDependencies {
  readonly get: (requestHash: string) => Promise<BuildRecord | undefined>;
  readonly readLog: (id: AttemptId, from: number) => Promise<readonly Buffer[]>;
  readonly watch: Pick<Watch, 'subscribe'>;
}

/**
 * One build, looked at for all who follow it here: as many looks and reads for a thousand of them as for one. Opened by its
 * constructor, closed by disposing.
 */
export class WatchedBuild implements Disposable {
  readonly #hash: string;
  readonly #deps: WatchedBuildDependencies;
  readonly #unsubscribe: () => void;
  readonly #waiting = new Set<() => void>();
  readonly #reads = new Map<string, Promise<readonly Buffer[]>>();
  #record: BuildRecord | undefined;
  #version = 0;
  #looking: Promise<void> | undefined;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(hash: string, deps: WatchedBuildDependencies) {
    this.#hash = hash;
    this.#deps = deps;
    this.#unsubscribe = deps.watch.subscribe(hash, (what) => this.#noticed(what));
  }

  /** As it was seen last; undefined when there is no such build. */
  get record(): BuildRecord | undefined {
    return this.#record;
  }

  /** Grows whenever there may be more to see. */
  get version(): number {
    return this.#version;
  }

  /** Resolves once the build was looked at. Rejects when that cannot be; later failures are passed over until the next look. */
  async ready(): Promise<void> {
    if (this.#version === 0) await this.#look();
  }

  /** Resolves once there may be more to see than at `version`, or the signal is aborted. */
  async changed(version: number, signal: AbortSignal): Promise<void> {
    if (this.#version !== version || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  /** Log chunks of an attempt; whoever asks for the same while they are read shares the answer. */
  async readLog(id: AttemptId, from: number): Promise<readonly Buffer[]> {
    const key = `${id.attempt}/${from}`;
    let reading = this.#reads.get(key);
    if (!reading) {
      reading = this.#deps.readLog(id, from).finally(() => this.#reads.delete(key));
      this.#reads.set(key, reading);
    }
    return await reading;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
  }

  #noticed(what: NewsOf): void {
    if (what === 'log') this.#tell();
    else this.#lookIn(Math.max(0, this.#lookedAt + MIN_LOOK_MS - performance.now()));
  }

  #lookIn(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    // What fails is looked at again a second later.
    this.#timer = setTimeout(() => this.#look().catch(() => undefined), ms);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    this.#lookedAt = performance.now();
    this.#lookIn(LOOK_MS);
    const record = await this.#deps.get(this.#hash);
    this.#record = record;
    if (record && isFinal(record.state)) clearTimeout(this.#timer);
    this.#tell();
  }

  #tell(): void {
    this.#version += 1;
    for (const wake of [...this.#waiting]) wake();
  }
}
