import type { Clock } from '../../shared/clock.ts';
import { binDir, isFinal } from '../../shared/domain/build.ts';
import { type BuildSpec, requestHash } from '../../shared/domain/build-spec.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey } from '../../shared/domain/lease.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import type { Log } from '../../shared/log.ts';
import type { ArtifactStore } from '../artifacts/artifact-store.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { SecondCopies } from '../queue/second-copies.ts';
import type { BuildIndex } from './build-index.ts';
import type { BuildOwner } from './build-owner.ts';
import type { BuildRecord, ResolvedRequest } from './build-record.ts';
import type { BuildStore } from './build-store.ts';
import { FinalBuilds, type IsStill } from './final-builds.ts';
import type { Recovery } from './recovery.ts';
import type { WaitingQueue } from './waiting-queue.ts';

export interface BuildServiceDependencies {
  readonly builds: BuildStore;
  readonly index: Pick<BuildIndex, 'isUnpublished' | 'isWhole' | 'life'>;
  readonly waiting: WaitingQueue;
  readonly artifacts: Pick<ArtifactStore, 'newest' | 'has'>;
  readonly queue: Pick<JobQueue, 'publishJob'>;
  readonly copies: Pick<SecondCopies, 'keep'>;
  readonly recovery: Pick<Recovery, 'build'>;
  /** Adds what is to be expected to a build that is not final. */
  readonly forecast: (record: BuildRecord) => Promise<BuildRecord>;
  readonly clock: Clock;
  readonly log: Log;
  /** Builds that may wait before new ones are refused. */
  readonly maxQueued: number;
  /** Of one client. */
  readonly maxQueuedPerClient: number;
  /** Told of each accepted request, and the build that answers it: given from what is known, or queued anew. Must not throw. */
  readonly onRequest: (kind: 'known' | 'new', record: BuildRecord, request: ResolvedRequest) => void;
}

/** What Redis loses meanwhile is looked for so often, before its client is told to ask again. */
const TRIES = 3;

/** Builds as clients see them: asked for, and looked up. */
export class BuildService {
  readonly #deps: BuildServiceDependencies;
  readonly #finals: FinalBuilds;
  /** The mark Redis had when it was last asked for it. */
  #life = '';

  /** Of specs that come again as the same object: a hash costs more than all else of a known build. */
  readonly #hashes = new WeakMap<BuildSpec, string>();

  constructor(deps: BuildServiceDependencies) {
    this.#deps = deps;
    this.#finals = new FinalBuilds(deps.clock);
  }

  /**
   * The build of this request: the one there is, or a new one. Throws `resource_exhausted` (`queueLength`) for a new one too
   * many, and `outdated`.
   * @param ownerOf asked only where there is no such build: nearly all requests are about one that there is.
   */
  async submit(request: ResolvedRequest, ownerOf: () => BuildOwner): Promise<BuildRecord> {
    const { builds, index, maxQueued, maxQueuedPerClient } = this.#deps;
    for (let tries = 0; tries < TRIES; tries += 1) {
      // Read before the look: what Redis did not know then it may have lost since, and a build must not be made twice for that.
      const since = this.#life;
      const known = await this.#answerTo(request);
      if (known) return known;
      const owner = ownerOf();
      const terms = { since, maxQueued, owner, maxQueuedOfOwner: maxQueuedPerClient };
      const submitted = await builds.submit(request, terms);
      if (!submitted) {
        this.#life = await index.life();
        continue;
      }
      const { isNew, record } = submitted;
      if (isNew) this.#finals.forget(record.requestHash);
      const isThere = isNew ? await this.publish(record, owner) : await this.#requireCopy(record);
      // Redis lost it since: it is looked for again, and made again only where its second copy does not stand either.
      if (!isThere) continue;
      this.#deps.onRequest(isNew ? 'new' : 'known', record, request);
      return await this.#deps.forecast(record);
    }
    throw losing(this.#hashOf(request.spec));
  }

  /**
   * The build of a request hash, from Redis; where Redis does not know it, from its second copy or from what the artifact store
   * remembers. Throws `unavailable` when neither can be asked and Redis may have lost builds.
   */
  async get(hash: string): Promise<BuildRecord | undefined> {
    return this.#finals.lately(hash, this.#isStill) ?? (await this.#look(hash));
  }

  /** Forgets a final build: who asks the same gets it made anew. */
  async forget(hash: string, generation: string): Promise<void> {
    await this.#deps.builds.forget(hash, generation);
    this.#finals.forget(hash);
  }

  /** The build that there is, if it answers the request. Throws `outdated` where none does and none can be made. */
  async #answerTo(request: ResolvedRequest): Promise<BuildRecord | undefined> {
    const known = await this.get(this.#hashOf(request.spec));
    if (known && answers(known, request)) {
      if (!(await this.#requireCopy(known))) throw losing(known.requestHash);
      this.#deps.onRequest('known', known, request);
      return known;
    }
    if (request.outdated) throw request.outdated;
    return undefined;
  }

  /**
   * Who is told that a build is accepted is told so of one that two stores have, also where another request made it just now.
   * @returns false where it is gone.
   */
  async #requireCopy(record: BuildRecord): Promise<boolean> {
    if (isFinal(record.state) || !(await this.#deps.index.isUnpublished(record.requestHash))) return true;
    return await this.publish(record);
  }

  async #look(hash: string): Promise<BuildRecord | undefined> {
    const { builds, clock } = this.#deps;
    const confirmed = await this.#finals.confirmed(hash, this.#isStill);
    if (confirmed) return confirmed;
    const askedAt = clock.steadyMs();
    let record = await builds.get(hash);
    if (record && !(await this.#isKept(record))) {
      await builds.forget(hash, record.generation);
      record = undefined;
    }
    record ??= await this.#recovered(hash);
    if (!record) return undefined;
    this.#finals.hold(record, askedAt);
    return await this.#deps.forecast(record);
  }

  readonly #isStill: IsStill = async (held) =>
    (await this.#deps.builds.isStill(held)) && (await this.#isKept(held));

  /** False for a result whose files are gone: the artifact store may lose what it held, at any time. */
  async #isKept({ state, requestHash: hash, generation }: BuildRecord): Promise<boolean> {
    return state !== 'done' || (await this.#deps.artifacts.has(binDir(hash, generation)));
  }

  /** A build that Redis does not know, because it lost it or forgot its end. */
  async #recovered(hash: string): Promise<BuildRecord | undefined> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (!(await this.#putBack(hash))) return undefined;
      const record = await this.#deps.builds.get(hash);
      // Else Redis lost it again, between being told and being asked.
      if (record) return record;
    }
    throw losing(hash);
  }

  /** Puts a build back: unfinished by its second copy, else final by its files. False when there is none. */
  async #putBack(hash: string): Promise<boolean> {
    const { builds, index, recovery, artifacts } = this.#deps;
    let untold: unknown;
    const isUnfinished = await recovery.build(hash).catch((thrown: unknown) => {
      untold = thrown;
      return false;
    });
    if (isUnfinished) return true;
    const json = await artifacts.newest(hash);
    if (json?.isCacheable && (await builds.restore(json))) return true;
    // Where nothing was lost there is nothing to be told; else nobody knows just now, nor whether that one was made anew.
    if (untold !== undefined && !(await index.isWhole())) throw untold;
    return json !== undefined && (await builds.restore(json));
  }

  /**
   * Puts an unfinished build's second copy on NATS, and the job of one that is queued. What fails is repeated by the keeper; the build
   * is accepted all the same.
   * @returns false where Redis has another build by then, or none.
   */
  async publish(record: BuildRecord, owner?: BuildOwner): Promise<boolean> {
    const { queue, copies, builds, log } = this.#deps;
    const { requestHash, generation, lane, source, spec, client, acceptedAt } = record;
    try {
      const copy = owner
        ? { requestHash, generation, lane, source, spec, client, acceptedAt, owner }
        : await builds.secondCopy(requestHash);
      await Promise.all([
        copy && copies.keep(copy, () => builds.unfinished(requestHash)),
        record.state === 'queued' &&
          queue.publishJob(
            lane,
            builderToken(source),
            { requestHash, generation },
            attemptKey({ requestHash, generation, attempt: record.attempt + 1 }),
          ),
      ]);
      return await builds.markPublished(requestHash, generation);
    } catch (thrown) {
      log.warn(
        { requestHash, reason: messageOf(thrown) },
        'build is accepted, its messages wait for the keeper',
      );
      return true;
    }
  }

  #hashOf(spec: BuildSpec): string {
    const hash = this.#hashes.get(spec) ?? requestHash(spec);
    this.#hashes.set(spec, hash);
    return hash;
  }

  async queuedCount(): Promise<number> {
    return await this.#deps.waiting.queuedCount();
  }
}

function losing(hash: string): FarmError {
  return new FarmError('unavailable', `Redis loses build ${hash} as often as it is told of it; ask again`, {
    details: { service: 'database' },
  });
}

/** Whether a build there is answers a request: a result of an outdated builder does so only for who pinned its revision. */
function answers(record: BuildRecord, request: ResolvedRequest): boolean {
  const isOutdated =
    record.state === 'done' &&
    request.spec.versionCode === '' &&
    record.source.digest !== request.source.digest;
  return record.isCacheable && !isOutdated;
}
