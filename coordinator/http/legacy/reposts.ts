import type { Redis } from 'ioredis';
import { isFinal } from '../../../shared/domain/build.ts';
import { requestHash } from '../../../shared/domain/build-spec.ts';
import type { BuildOwner } from '../../builds/build-owner.ts';
import type { BuildRecord, ResolvedRequest } from '../../builds/build-record.ts';

/** Where builds are asked for. */
export interface RepostedBuilds {
  submit(resolved: ResolvedRequest, ownerOf: () => BuildOwner): Promise<BuildRecord>;
  get(requestHash: string): Promise<BuildRecord | undefined>;
}

const PREFIX = 'wrtfarm:repost:';
/** A client that does not ask for this long has gone, seconds. */
const WAITING_SECONDS = 600;

/**
 * Remembers who was told to wait and can only ask again with the whole request, as clients of 2020 do: such a request is a
 * question about the build. A failure that is not given from memory would otherwise never be told, and be repeated for ever.
 */
export class Reposts {
  readonly #redis: Pick<Redis, 'set' | 'del'>;

  constructor(redis: Pick<Redis, 'set' | 'del'>) {
    this.#redis = redis;
  }

  /** As `builds.submit`, but a failure that somebody waits for is told once before the build is made anew. */
  async submit(
    builds: RepostedBuilds,
    resolved: ResolvedRequest,
    ownerOf: () => BuildOwner,
  ): Promise<BuildRecord> {
    const hash = requestHash(resolved.spec);
    const known = await builds.get(hash);
    const isForgotten = known !== undefined && isFinal(known.state) && !known.isCacheable;
    if (isForgotten && (await this.#redis.del(PREFIX + hash)) > 0) return known;
    const record = await builds.submit(resolved, ownerOf);
    if (!isFinal(record.state)) await this.#redis.set(PREFIX + hash, '', 'EX', WAITING_SECONDS);
    return record;
  }

  /** Notes that a build's failure was told to who looked it up by its hash. */
  async told(hash: string): Promise<void> {
    await this.#redis.del(PREFIX + hash);
  }
}
