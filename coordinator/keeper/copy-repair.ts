import type { Clock } from '../../shared/clock.ts';
import { hasCode } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { BuildIndex } from '../builds/build-index.ts';
import type { BuildStore } from '../builds/build-store.ts';
import type { FinalCommit } from '../builds/final-commit.ts';
import type { Recovery } from '../builds/recovery.ts';
import type { OnRepair } from '../builds/repairs.ts';
import type { SecondCopies } from '../queue/second-copies.ts';
import type { Each } from './each.ts';

/** Numbers can agree by chance: so often all copies are compared with all builds whatever they are, milliseconds. */
const COMPARE_MS = 5 * 60_000;
/** What differs and stays so, such as a copy that cannot be read, is not looked at all the time, milliseconds. */
const REST_MS = 5_000;
/** Copies that are read in one look, to see whether they are of the build that there is. */
const MOST_READ = 1_000;

export interface CopyRepairDependencies {
  readonly copies: Pick<SecondCopies, 'count' | 'hashes' | 'of' | 'keep'>;
  readonly builds: Pick<BuildStore, 'secondCopy' | 'unfinished'>;
  readonly index: BuildIndex;
  readonly recovery: Pick<Recovery, 'copy'>;
  readonly commit: Pick<FinalCommit, 'purge'>;
  readonly each: Each;
  readonly onRepair: OnRepair;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Holds the unfinished builds of Redis and their second copies on NATS against each other. Each side may have lost what the other one
 * has: a build without a copy gets one, a copy without a build is put back, or removed when its build is over.
 */
export class CopyRepair {
  readonly #deps: CopyRepairDependencies;
  #comparedAt = Number.NEGATIVE_INFINITY;
  /** Up to which hash copies were read. */
  #readUpTo = '';

  constructor(deps: CopyRepairDependencies) {
    this.#deps = deps;
  }

  /** Counts both sides, and compares them where that shows a difference. */
  async step(): Promise<void> {
    const { index, clock } = this.#deps;
    const restedMs = clock.steadyMs() - this.#comparedAt;
    if (
      (await index.isWhole()) &&
      (restedMs < REST_MS || (restedMs < COMPARE_MS && !(await this.#differs())))
    )
      return;
    const life = await index.life();
    const isComplete = await this.#compare();
    this.#comparedAt = clock.steadyMs();
    if (isComplete) await index.markWhole(life);
  }

  async #differs(): Promise<boolean> {
    const { copies, index } = this.#deps;
    const held = await copies.count();
    const { unfinished, unpublished, unpurged } = await index.counts();
    return held > unfinished + unpurged || held < unfinished - unpublished;
  }

  /** @returns whether all could be looked at. */
  async #compare(): Promise<boolean> {
    let isComplete = true;
    const { copies, builds, index, each } = this.#deps;
    // In this order, so that one that is accepted meanwhile is not taken for one without a copy.
    const unfinished = await index.unfinishedHashes();
    const held = await copies.hashes();
    await each(
      [...held].filter((hash) => !unfinished.has(hash)),
      async (hash) => {
        await this.#settle(hash).catch((thrown: unknown) => {
          if (hasCode(thrown, 'unavailable')) isComplete = false;
          throw thrown;
        });
      },
    );
    await each(
      [...unfinished].filter((hash) => !held.has(hash)),
      async (hash) => {
        // One that was accepted just now: its copy is on its way, or the keeper sends it again.
        if (!(await index.isUnpublished(hash))) await this.#keep(hash);
      },
    );
    await each(this.#toRead([...unfinished].filter((hash) => held.has(hash))), async (hash) => {
      const copy = await copies.of(hash);
      const generation = await builds.unfinished(hash);
      if (copy && generation !== undefined && copy.generation !== generation) await this.#keep(hash);
    });
    return isComplete;
  }

  /** Those whose turn it is: the copy of an earlier build would hide that the one there is has none. */
  #toRead(hashes: readonly string[]): readonly string[] {
    const rest = hashes.filter((hash) => hash > this.#readUpTo).sort();
    const turn = rest.slice(0, MOST_READ);
    this.#readUpTo = rest.length > MOST_READ ? (turn.at(-1) ?? '') : '';
    return turn;
  }

  async #keep(hash: string): Promise<void> {
    const { copies, builds, onRepair, log } = this.#deps;
    const copy = await builds.secondCopy(hash);
    if (!copy) return;
    await copies.keep(copy, () => builds.unfinished(hash));
    onRepair('republished_copy');
    log.warn({ requestHash: hash }, 'the second copy of a build was missing and is kept again');
  }

  /** A copy of what Redis does not know as unfinished: its build was lost, or is over. */
  async #settle(hash: string): Promise<void> {
    const { copies, recovery, commit, onRepair, log } = this.#deps;
    const copy = await copies.of(hash);
    if (!copy || (await recovery.copy(copy)) !== 'outdated') return;
    await commit.purge(hash, copy.generation);
    onRepair('removed_copy');
    log.info({ requestHash: hash }, 'the second copy of a build that is over was there still and is removed');
  }
}
