import type { Clock } from '../../shared/clock.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import { etaOf, positionOf, remainingMs } from '../scheduling/eta.ts';
import { prospectOf } from '../scheduling/outlook.ts';
import { buildMsOf } from '../scheduling/timings.ts';
import type { FarmPictures } from './farm-picture.ts';

/** How old the picture of the farm may be that people are told the time from, milliseconds. */
const PICTURE_MS = 2_000;

export interface ForecastDependencies {
  readonly farm: FarmPictures;
  readonly waiting: Pick<WaitingQueue, 'countsBefore'>;
  readonly attempts: Pick<AttemptStore, 'startedAt'>;
  readonly clock: Clock;
  /** Most fetches at once, farm-wide. */
  readonly maxFetches: number;
}

/** Tells of builds that are not final how many will really run before them, and how long they will take. */
export class Forecast {
  readonly #deps: ForecastDependencies;

  constructor(deps: ForecastDependencies) {
    this.#deps = deps;
  }

  /** The record with its place among all that will run before it, and its expected time. A final one as it is. */
  async of(record: BuildRecord): Promise<BuildRecord> {
    switch (record.state) {
      case 'queued':
        return await this.#ofQueued(record);
      case 'running':
      case 'publishing':
        return { ...record, etaMs: await this.#ofRunning(record) };
      case 'done':
      case 'failed':
      case 'cancelled':
        return record;
    }
  }

  async #ofQueued(record: BuildRecord): Promise<BuildRecord> {
    const { farm, waiting, maxFetches } = this.#deps;
    const { view } = await farm.within(PICTURE_MS);
    const { lane, source } = record;
    const builder = builderToken(source);
    const prospect = prospectOf(view, { lane, builder, digest: source.digest }, maxFetches);
    if (!prospect) return record;
    const { rivals, ...outlook } = prospect;
    const before = await waiting.countsBefore(record, rivals);
    const position = positionOf(
      record.position ?? 0,
      rivals.map((rival, at) => ({ ...rival, before: before[at] ?? 0 })),
    );
    return { ...record, position, etaMs: etaOf({ ...outlook, position }).doneInMs };
  }

  async #ofRunning(record: BuildRecord): Promise<number> {
    const { farm, attempts, clock } = this.#deps;
    const [{ view }, startedAt] = await Promise.all([
      farm.within(PICTURE_MS),
      attempts.startedAt({ ...record }),
    ]);
    const ranMs = startedAt === undefined ? 0 : clock.now() - startedAt;
    return remainingMs(buildMsOf(view.timings, builderToken(record.source)), ranMs);
  }
}
