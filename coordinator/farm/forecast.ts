import type { Clock } from '../../shared/clock.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildRecord } from '../builds/build-record.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import { etaOf, positionOf, remainingMs } from '../scheduling/eta.ts';
import type { FarmView } from '../scheduling/farm-view.ts';
import { Prospects } from '../scheduling/outlook.ts';
import { buildMsOf } from '../scheduling/timings.ts';
import type { FarmPictures } from './farm-picture.ts';

/** People are told the time from a picture of the farm that is anew after this, and is never older than that, milliseconds. */
const FRESH_MS = 2_000;
const MAX_AGE_MS = 15_000;

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
  /** Those of the newest picture that was asked about. */
  #prospects: { readonly view: FarmView; readonly prospects: Prospects } | undefined;

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
    const { farm, waiting } = this.#deps;
    const { view } = await farm.lately(FRESH_MS, MAX_AGE_MS);
    const { lane, source } = record;
    const builder = builderToken(source);
    const prospect = this.#prospectsOf(view).of({ lane, builder, digest: source.digest });
    if (!prospect) return record;
    const { rivals, otherBuilds, count, ...outlook } = prospect;
    const rank = record.position ?? 0;
    const before = await waiting.countsBefore(record, rivals);
    // Sets that are not counted are taken for as far as the own one.
    const part = count > 0 ? Math.min(1, rank / count) : 0;
    const position = positionOf(
      rank,
      rivals.map((rival, at) => ({ ...rival, before: before[at] ?? 0 })),
      otherBuilds * part,
    );
    return { ...record, position, etaMs: etaOf({ ...outlook, position }).doneInMs };
  }

  #prospectsOf(view: FarmView): Prospects {
    if (this.#prospects?.view !== view)
      this.#prospects = { view, prospects: new Prospects(view, this.#deps.maxFetches) };
    return this.#prospects.prospects;
  }

  async #ofRunning(record: BuildRecord): Promise<number> {
    const { farm, attempts, clock } = this.#deps;
    const [{ view }, startedAt] = await Promise.all([
      farm.lately(FRESH_MS, MAX_AGE_MS),
      attempts.startedAt({ ...record }),
    ]);
    const ranMs = startedAt === undefined ? 0 : clock.now() - startedAt;
    return remainingMs(buildMsOf(view.timings, builderToken(record.source)), ranMs);
  }
}
