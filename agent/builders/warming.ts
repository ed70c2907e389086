import { type Accepts, doesAccept } from '../../shared/domain/accepts.ts';
import {
  type BuilderSource,
  builderName,
  builderToken,
  type PinnedBuilder,
} from '../../shared/domain/builder.ts';
import { FarmError, hasCode, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import type { BuilderCache } from './builder-cache.ts';

export interface WarmingDependencies {
  readonly builders: Pick<BuilderCache, 'warmUp' | 'shrink'>;
  readonly log: Log;
  /** What this agent was told to take; others are refused, which a farm that reads `accepts` never asks for. */
  readonly accepts?: Accepts | undefined;
}

/** Makes builders warm when the farm asks for it, and remembers what failed until it was told. Disposing calls it off. */
export class Warming implements AsyncDisposable {
  readonly #deps: WarmingDependencies;
  readonly #onChange: () => void;
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #failures: Pull['warmFailures'] = [];

  /** @param onChange told when a fetch began or ended. */
  constructor(deps: WarmingDependencies, onChange: () => void) {
    this.#deps = deps;
    this.#onChange = onChange;
  }

  /**
   * Begins to make a builder warm; one that is warm or under way is passed over.
   * @param evictable what may be removed for it, in this order.
   */
  begin(source: BuilderSource, evictable: readonly PinnedBuilder[] = []): void {
    const work = this.#warm(source, evictable).finally(() => {
      this.#work.delete(work);
      this.#onChange();
    });
    this.#work.add(work);
    this.#onChange();
  }

  /** Begins to remove builders in this order until the rest takes no more than it may. */
  shrink(evictable: readonly PinnedBuilder[]): void {
    const { builders, log } = this.#deps;
    const work = builders
      .shrink(evictable)
      .catch((thrown: unknown) => log.error({ reason: messageOf(thrown) }, 'no room was made on the disk'))
      .finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  /** Failures since the last call. */
  takeFailures(): Pull['warmFailures'] {
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  async #warm(source: BuilderSource, evictable: readonly PinnedBuilder[]): Promise<void> {
    const { builders, log, accepts } = this.#deps;
    const name = builderName(source);
    try {
      if (!doesAccept(accepts, source)) {
        throw new FarmError('infrastructure', `this agent was told not to take work for ${name}`);
      }
      await builders.warmUp(source, {
        onProgress: (line) => log.info({ builder: name }, line),
        signal: this.#stop.signal,
        evictable,
      });
      log.info({ builder: name }, 'builder is warm');
    } catch (thrown) {
      if (hasCode(thrown, 'cancelled')) return;
      const reason = messageOf(thrown).slice(0, 2_000);
      log.error({ builder: name, reason }, 'builder could not be made warm');
      this.#failures = [...this.#failures, { builder: builderToken(source), digest: source.digest, reason }];
    }
  }
}
