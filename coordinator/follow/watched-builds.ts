import { WatchedBuild, type WatchedBuildDependencies } from './watched-build.ts';

/** The builds that are followed here, each watched once for all its followers. */
export class WatchedBuilds {
  readonly #deps: WatchedBuildDependencies;
  readonly #watched = new Map<string, { readonly build: WatchedBuild; followers: number }>();

  constructor(deps: WatchedBuildDependencies) {
    this.#deps = deps;
  }

  /** How many are watched now. */
  get size(): number {
    return this.#watched.size;
  }

  /** Whoever gets it disposes what it was given; the last one ends the watching. */
  watch(hash: string): { readonly build: WatchedBuild } & Disposable {
    const watched = this.#watched.get(hash) ?? { build: new WatchedBuild(hash, this.#deps), followers: 0 };
    watched.followers += 1;
    this.#watched.set(hash, watched);
    let isHeld = true;
    return {
      build: watched.build,
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        watched.followers -= 1;
        if (watched.followers > 0) return;
        this.#watched.delete(hash);
        watched.build[Symbol.dispose]();
      },
    };
  }
}
