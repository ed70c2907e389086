import type { Redis } from 'ioredis';
import { Type } from 'typebox';
import { type BuildState, isFinal, newGeneration } from '../../shared/domain/build.ts';
import { laneOf, requestHash } from '../../shared/domain/build-spec.ts';
import { type BuilderSource, builderToken } from '../../shared/domain/builder.ts';
import { FarmError } from '../../shared/errors.ts';
import type { AcceptedBuild } from '../../shared/messages/job.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type BuildJson, type SealedBuild, SealedBuildSchema } from '../artifacts/sealed-build.ts';
import { type BuildOwner, OPERATOR, ownerKey, ownerOf } from './build-owner.ts';
import type { BuildRecord, ResolvedRequest } from './build-record.ts';
import { buildKey, waitingKey } from './keys.ts';
import { TROUBLES, type Trouble } from './loss.ts';
import { RECORD_FIELDS, RecordReader } from './record-reader.ts';
import type { RedisScripts } from './redis-scripts.ts';

const TroublesSchema = Type.Array(Type.Enum(TROUBLES));

/** A build on its way to a final state. */
export interface PublishingBuild {
  readonly record: BuildRecord;
  readonly sealed: SealedBuild;
  /** Number of the attempt that won; 0 when none did. */
  readonly winner: number;
  /** Epoch milliseconds. */
  readonly sealedAt: number;
}

export interface SubmittedBuild {
  /** False for one that there was. */
  readonly isNew: boolean;
  readonly record: BuildRecord;
}

/** On what terms a build is created. */
export interface SubmitTerms {
  /** A mark that Redis had when it was looked for (`BuildIndex.life`): in another life of Redis nothing is created. */
  readonly since: string;
  readonly maxQueued: number;
  readonly owner: BuildOwner;
  readonly maxQueuedOfOwner?: number;
}

/** Seconds after which a client that has too many builds waiting may ask for more. */
const OWNER_FULL_RETRY_SECONDS = 60;

/** The truth about builds, in Redis. Every change is one Lua script; all of them are safe to repeat. */
export class BuildStore {
  readonly #redis: Redis;
  readonly #scripts: RedisScripts;
  readonly #records = new RecordReader();

  constructor(redis: Redis, scripts: RedisScripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /**
   * Answers from the build of this request, or creates it, to wait on account of its owner. Undefined where Redis lost its data since it
   * had the mark of the terms: what it does not know may have to be put back first. Throws `resource_exhausted` (`queueLength`) when the
   * queue is full.
   */
  async submit(request: ResolvedRequest, terms: SubmitTerms): Promise<SubmittedBuild | undefined> {
    const { spec, source } = request;
    const { maxQueued, owner, maxQueuedOfOwner, since } = terms;
    const hash = requestHash(spec);
    const answer = await this.#scripts.run('submit', {
      requestHash: hash,
      generation: newGeneration(),
      lane: laneOf(spec),
      builder: builderToken(source),
      digest: source.digest,
      source: JSON.stringify(source),
      spec: JSON.stringify(spec),
      client: request.client ?? '',
      isPinned: spec.versionCode !== '',
      since,
      maxQueued,
      owner: ownerKey(owner),
      priority: owner.priority,
      weight: owner.weight,
      ...(maxQueuedOfOwner !== undefined && owner !== OPERATOR ? { maxQueuedOfOwner } : {}),
    });
    if (answer.status === 'otherLife') return undefined;
    if (answer.status === 'ownerFull') {
      throw new FarmError(
        'resource_exhausted',
        `${maxQueuedOfOwner} builds that you asked for wait already. Please try again later.`,
        { details: { retryAfterSeconds: OWNER_FULL_RETRY_SECONDS } },
      );
    }
    if (answer.status === 'full') {
      throw new FarmError('resource_exhausted', `the queue is full: ${answer.queueLength} builds wait`, {
        details: { queueLength: answer.queueLength ?? maxQueued },
      });
    }
    const record = await this.get(hash);
    if (!record)
      throw new FarmError('unavailable', `build ${hash} expired while it was asked for; ask again`);
    return { isNew: answer.status === 'created', record };
  }

  async get(hash: string): Promise<BuildRecord | undefined> {
    // Where it waits is known from the last time, so a poll is one round trip.
    const known = this.#records.waitingKeyOf(hash);
    const [values, rank] = await Promise.all([
      this.#redis.hmget(buildKey(hash), ...RECORD_FIELDS),
      known === undefined ? null : this.#redis.zrank(known, hash),
    ]);
    const record = this.#records.read(hash, values);
    if (record?.state !== 'queued') return record;
    const key = waitingKey(record.lane, builderToken(record.source));
    return { ...record, position: (known === key ? rank : await this.#redis.zrank(key, hash)) ?? 0 };
  }

  /** Whether a final build is still the one there is: neither gone nor made anew. */
  async isStill(record: BuildRecord): Promise<boolean> {
    const [state, generation] = await this.#redis.hmget(buildKey(record.requestHash), 'state', 'generation');
    return state === record.state && generation === record.generation;
  }

  /** The generation of an unfinished build; undefined where there is none. */
  async unfinished(requestHash: string): Promise<string | undefined> {
    const [state, generation] = await this.#redis.hmget(buildKey(requestHash), 'state', 'generation');
    return state && generation && !isFinal(state as BuildState) ? generation : undefined;
  }

  /**
   * Notes that a build's messages are on NATS; of one that took its place they are to be sent once more.
   * @param generation empty where there was no build.
   * @returns false where it is not the build that there is.
   */
  async markPublished(requestHash: string, generation: string): Promise<boolean> {
    return (await this.#scripts.run('mark-published', { requestHash, generation })).status === 'noted';
  }

  /** Sends a queued build that cannot be made on its way to a final state. */
  async abandon(record: BuildRecord, sealed: SealedBuild): Promise<boolean> {
    const { status } = await this.#scripts.run('abandon-build', {
      requestHash: record.requestHash,
      generation: record.generation,
      sealed: JSON.stringify(sealed),
    });
    return status === 'sealed';
  }

  /**
   * Ends a build that waits or is made, without a result.
   * @returns `gone` for one that is neither; else the agent that was making it, if one was.
   */
  async cancel(record: BuildRecord, sealed: SealedBuild): Promise<string | undefined> {
    const { status, agentId } = await this.#scripts.run('cancel-build', {
      requestHash: record.requestHash,
      generation: record.generation,
      sealed: JSON.stringify(sealed),
    });
    return status === 'gone' ? 'gone' : agentId;
  }

  /** Puts a queued build before all others. False for one that does not wait. */
  async prioritise(requestHash: string): Promise<boolean> {
    return (await this.#scripts.run('prioritise-build', { requestHash })).status === 'first';
  }

  /** Pins a queued build to the archive that upstream offers now. */
  async repin(record: BuildRecord, source: BuilderSource): Promise<void> {
    await this.#scripts.run('repin-build', {
      requestHash: record.requestHash,
      generation: record.generation,
      digest: source.digest,
      source: JSON.stringify(source),
    });
  }

  /** Makes a build final, after its `build.json` was committed. True for the call that did it. */
  async finish(json: BuildJson): Promise<boolean> {
    const { status } = await this.#scripts.run('finish-build', {
      requestHash: json.requestHash,
      generation: json.generation,
      attempt: json.attempt,
      outcome: json.outcome,
      answer: JSON.stringify(json.answer),
      isCacheable: json.isCacheable,
      keepMs: json.keepMs,
    });
    return status === 'finished';
  }

  /** Forgets a final build whose files are gone, unless it was made anew. */
  async forget(requestHash: string, generation: string): Promise<void> {
    await this.#scripts.run('forget-build', { requestHash, generation });
  }

  /** Puts a finished build back from its `build.json`, unless Redis knows one of this hash. False for one that nobody is owed any more. */
  async restore(json: BuildJson): Promise<boolean> {
    const { status } = await this.#scripts.run('restore-build', {
      requestHash: json.requestHash,
      generation: json.generation,
      outcome: json.outcome,
      lane: json.lane,
      builder: builderToken(json.source),
      digest: json.source.digest,
      source: JSON.stringify(json.source),
      spec: JSON.stringify(json.spec),
      client: json.client ?? '',
      acceptedAt: json.acceptedAt,
      attempt: json.attempt,
      answer: JSON.stringify(json.answer),
      isCacheable: json.isCacheable,
      expiresAt: json.expiresAt,
    });
    return status !== 'expired';
  }

  /** The second copy of an unfinished build; undefined for one that is over. */
  async secondCopy(requestHash: string): Promise<AcceptedBuild | undefined> {
    const record = await this.get(requestHash);
    const [key, weight] = await this.#redis.hmget(buildKey(requestHash), 'owner', 'weight');
    if (!record || isFinal(record.state)) return undefined;
    const { generation, lane, source, spec, client, acceptedAt } = record;
    const owner = key ? { owner: ownerOf(key, Number(weight ?? 1)) } : {};
    return { requestHash, generation, lane, source, spec, client, acceptedAt, ...owner };
  }

  /** What making a build final needs, or undefined when it is not in `publishing`. */
  async publishing(hash: string): Promise<PublishingBuild | undefined> {
    const fields = await this.#redis.hgetall(buildKey(hash));
    if (fields.state !== 'publishing' || fields.sealed === undefined) return undefined;
    const record = this.#records.read(
      hash,
      RECORD_FIELDS.map((name) => fields[name] ?? null),
    );
    return (
      record && {
        record,
        sealed: parseJsonAs(SealedBuildSchema, fields.sealed, `sealed build ${hash}`),
        winner: Number(fields.winner),
        sealedAt: Number(fields.sealedAt),
      }
    );
  }

  /** What went wrong with the attempts of this build that were lost so far. */
  async troubles(hash: string): Promise<readonly Trouble[]> {
    const text = await this.#redis.hget(buildKey(hash), 'troubles');
    return text === null ? [] : parseJsonAs(TroublesSchema, text, `troubles of build ${hash}`);
  }
}
