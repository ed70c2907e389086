import type { Clock } from '../../shared/clock.ts';
import { builderName } from '../../shared/domain/builder.ts';
import type { BuildStore } from './build-store.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** A build that waits, as operators see it. */
export interface ShownBuild {
  readonly request_hash: string;
  /** `24.10.4 x86/64`. */
  readonly builder: string;
  readonly profile: string;
  readonly lane: string;
  readonly client: string | null;
  /** Builds of the same builder before it. */
  readonly position: number;
  readonly waited_seconds: number;
}

/** The queue as operators see it. */
export class QueueView {
  readonly #deps: {
    readonly waiting: WaitingQueue;
    readonly builds: Pick<BuildStore, 'get'>;
    readonly clock: Clock;
  };

  constructor(deps: {
    readonly waiting: WaitingQueue;
    readonly builds: Pick<BuildStore, 'get'>;
    readonly clock: Clock;
  }) {
    this.#deps = deps;
  }

  /** The builds at the head of each builder, the longest waiting first; those that wait out a back-off are only counted. */
  async waiting(most: number): Promise<{ readonly waiting: number; readonly builds: readonly ShownBuild[] }> {
    const { waiting, builds, clock } = this.#deps;
    const [count, sets] = await Promise.all([waiting.queuedCount(), waiting.waitingSets()]);
    const heads = await Promise.all(sets.map((set) => waiting.waitingHashes(set.lane, set.builder, most)));
    const records = await Promise.all(heads.flat().map((hash) => builds.get(hash)));
    const shown = records
      .filter((record) => record?.state === 'queued')
      .flatMap((record) => (record ? [record] : []))
      .sort((left, right) => left.acceptedAt - right.acceptedAt)
      .slice(0, most)
      .map((record) => ({
        request_hash: record.requestHash,
        builder: builderName(record.spec),
        profile: record.spec.profile,
        lane: record.lane,
        client: record.client,
        position: record.position ?? 0,
        waited_seconds: Math.max(0, clock.now() - record.acceptedAt) / 1000,
      }));
    return { waiting: count, builds: shown };
  }
}
