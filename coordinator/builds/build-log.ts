import { BUILD_LOG_NAME } from '../../shared/domain/artifact.ts';
import { binDir, isFinal } from '../../shared/domain/build.ts';
import type { StoredFiles } from '../artifacts/artifact-store.ts';
import type { AttemptStore } from './attempt-store.ts';
import type { BuildRecord } from './build-record.ts';
import type { Watch } from './watch.ts';

/** A follower looks by itself this often, for notifications that were lost. */
const LOOK_MS = 1_000;

export interface BuildLogDependencies {
  readonly get: (requestHash: string) => Promise<BuildRecord | undefined>;
  readonly attempts: Pick<AttemptStore, 'readLog'>;
  readonly files: StoredFiles;
  readonly watch: Watch;
}

/** The log of a build, while it is made and afterwards. */
export class BuildLog {
  readonly #deps: BuildLogDependencies;

  constructor(deps: BuildLogDependencies) {
    this.#deps = deps;
  }

  /**
   * The log from its beginning. With `follow`, on to the build's end, over all further attempts; else what there is.
   * Ends at once for an unknown build. An aborted signal ends it silently.
   */
  async *read(requestHash: string, follow: boolean, signal: AbortSignal): AsyncGenerator<Buffer> {
    let attempt = 0;
    let next = 0;
    using news = this.#news(requestHash, signal);
    while (!signal.aborted) {
      const record = await this.#deps.get(requestHash);
      if (!record) return;
      if (attempt === 0 && isFinal(record.state)) {
        yield* this.#kept(record);
        return;
      }
      if (record.attempt !== attempt) {
        if (attempt > 0)
          yield Buffer.from(`\n--- attempt ${attempt} was lost; this is attempt ${record.attempt} ---\n`);
        attempt = record.attempt;
        next = 0;
      }
      const chunks = attempt === 0 ? [] : await this.#deps.attempts.readLog({ ...record, attempt }, next);
      yield* chunks;
      next += chunks.length;
      if (chunks.length > 0) continue;
      if (!follow || isFinal(record.state)) return;
      await news.next();
    }
  }

  async *#kept(record: BuildRecord): AsyncGenerator<Buffer> {
    const file = await this.#deps.files.find(binDir(record.requestHash, record.generation), BUILD_LOG_NAME);
    if (!file) return;
    for await (const chunk of file.read()) yield chunk as Buffer;
  }

  #news(requestHash: string, signal: AbortSignal): Disposable & { next(): Promise<void> } {
    let wake: (() => void) | undefined;
    let isDue = false;
    const onNews = (): void => {
      isDue = true;
      wake?.();
    };
    const unsubscribe = this.#deps.watch.subscribe(requestHash, onNews);
    signal.addEventListener('abort', onNews, { once: true });
    return {
      next: async () => {
        if (!isDue) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, LOOK_MS);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
        wake = undefined;
        isDue = false;
      },
      [Symbol.dispose]: () => {
        unsubscribe();
        signal.removeEventListener('abort', onNews);
      },
    };
  }
}
