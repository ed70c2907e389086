import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import { DirectoryStore } from '../../coordinator/artifacts/directory-store.ts';
import { BuildControl } from '../../coordinator/builds/build-control.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { DEFAULT_LIFETIMES } from '../../coordinator/builds/final-answer.ts';
import type { OnRepair, Repair } from '../../coordinator/builds/repairs.ts';
import { type Builds, createBuilds } from '../../coordinator/create-builds.ts';
import { CopyRepair } from '../../coordinator/keeper/copy-repair.ts';
import { eachLogged } from '../../coordinator/keeper/each.ts';
import { sweepUploads } from '../../coordinator/keeper/upload-sweep.ts';
import { createMetrics } from '../../coordinator/metrics/metrics.ts';
import { JetStream } from '../../coordinator/queue/jetstream.ts';
import { JobQueue } from '../../coordinator/queue/job-queue.ts';
import { SecondCopies } from '../../coordinator/queue/second-copies.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { sha256Hex } from '../../shared/digest.ts';
import type { Artifact } from '../../shared/domain/artifact.ts';
import type { AttemptResult } from '../../shared/domain/attempt-result.ts';
import type { BuildState } from '../../shared/domain/build.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { attemptKey, type Lease, leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { silentLog } from '../../shared/log.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import { connectNats } from '../../shared/nats-connection.ts';
import { startNats, type TestNats } from './servers/start-nats.ts';
import { startRedis } from './servers/start-redis.ts';

const SOURCE = {
  distro: 'openwrt',
  version: '24.10.4',
  target: 'x86/64',
  versionPath: 'releases/24.10.4',
  digest: 'd'.repeat(64),
};
export const OWNER = { priority: 'bulk', client: 'key:nightly', weight: 3 } as const;

/** The truth about builds on real servers, as a coordinator wires it, without coordinator or agent: a test takes their steps. */
export class BuildFarm implements AsyncDisposable {
  readonly redisUrl: string;
  readonly artifactsFolder: string;
  readonly redis: Redis;
  readonly connection: NatsConnection;
  readonly nats: TestNats;
  readonly jetstream: JetStream;
  readonly copies: SecondCopies;
  readonly artifacts: DirectoryStore;
  readonly builds: Builds;
  readonly farmKey = randomBytes(32);
  /** Hashes of builds that became final, as often as they did. */
  readonly finished: string[] = [];
  /** What each accepted request was. */
  readonly requested: ('known' | 'new')[] = [];
  readonly repairs: Repair[] = [];
  /** How wrong the clock of the coordinator is that takes the steps, milliseconds. */
  clockErrorMs = 0;
  readonly #opened: Disposers;
  #asked = 0;

  private constructor(
    redisUrl: string,
    redis: Redis,
    connection: NatsConnection,
    nats: TestNats,
    folder: string,
    opened: Disposers,
  ) {
    this.redisUrl = redisUrl;
    this.artifactsFolder = folder;
    this.redis = redis;
    this.connection = connection;
    this.nats = nats;
    this.#opened = opened;
    this.jetstream = new JetStream(connection);
    this.copies = new SecondCopies(this.jetstream);
    this.artifacts = new DirectoryStore(folder);
    this.builds = this.another();
  }

  /** The same as another coordinator has it, which remembers nothing yet. */
  another(): Builds {
    const { redis, connection, copies, artifacts, farmKey, onRepair } = this;
    return createBuilds(
      {
        ...{ redis, connection, copies, farmKey, artifacts },
        queue: new JobQueue(this.jetstream),
        metrics: { ...createMetrics(), repaired: onRepair },
        stats: {
          requested: (kind) => this.requested.push(kind),
          finished: ({ requestHash }) => this.finished.push(requestHash),
        },
        clock: { ...systemClock, now: () => systemClock.now() + this.clockErrorMs },
        log: silentLog,
      },
      { ...DEFAULT_LIFETIMES, leaseMs: 15_000, maxQueued: 100, maxQueuedPerClient: 100, maxWarming: 8 },
    );
  }

  static async start(): Promise<BuildFarm> {
    const opened = new Disposers();
    const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-builds-'));
    opened.add('folder', () => rm(folder, { recursive: true, force: true }));
    const server = opened.use('redis', await startRedis());
    const nats = opened.use('nats', await startNats());
    const redis = new Redis(server.url);
    opened.add('client', async () => redis.disconnect());
    const connection = await connectNats({
      url: nats.url,
      name: 'test',
      inboxPrefix: '_INBOX_test',
      clock: systemClock,
    });
    opened.add('connection', () => connection.close());
    const farm = new BuildFarm(server.url, redis, connection, nats, folder, opened);
    await farm.ensureStreams();
    return farm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }

  async ensureStreams(): Promise<void> {
    await new JobQueue(this.jetstream).ensureStream();
    await this.copies.ensureStream();
  }

  /** Forgets all builds: in Redis, and on NATS. */
  async reset(): Promise<void> {
    await this.redis.flushall();
    await this.ensureStreams();
    for (const hash of await this.copies.hashes()) {
      const copy = await this.copies.of(hash);
      if (copy) await this.copies.remove(hash, copy.generation);
    }
    this.finished.length = 0;
    this.requested.length = 0;
    this.repairs.length = 0;
    this.clockErrorMs = 0;
  }

  readonly onRepair: OnRepair = (repair, count = 1) => {
    for (let at = 0; at < count; at += 1) this.repairs.push(repair);
  };

  /** One look of the keeper at the second copies, as a keeper that just began takes it. */
  async repairCopies(): Promise<void> {
    await this.copyRepair().step();
  }

  /** What a keeper repairs second copies by. */
  copyRepair(clock: Clock = systemClock): CopyRepair {
    const { copies, onRepair } = this;
    const each = eachLogged(silentLog);
    return new CopyRepair({ ...this.builds, copies, each, onRepair, clock, log: silentLog });
  }

  /** What an operator does; agents are not woken by it, for there are none. */
  control(): BuildControl {
    const { artifacts } = this;
    return new BuildControl({
      ...this.builds,
      artifacts,
      queue: { wakeAgent: () => undefined },
      log: silentLog,
    });
  }

  /** What a keeper does in time for what should have been done at once, and one look at the second copies. */
  async keep(): Promise<void> {
    const { builds, index, service, commit } = this.builds;
    for (const hash of await index.unpublishedFor(0)) {
      const record = await builds.get(hash);
      if (record) await service.publish(record);
    }
    for (const hash of await index.publishingFor(0)) await commit.complete(hash);
    for (const hash of await index.unpurgedFor(0)) {
      const record = await builds.get(hash);
      if (record) await commit.purge(hash, record.generation);
    }
    await sweepUploads({
      ...this.builds,
      staging: {
        stagedBefore: () => this.artifacts.stagedBefore(-1),
        drop: (key) => this.artifacts.drop(key),
      },
      each: eachLogged(silentLog),
      onRepair: this.onRepair,
      log: silentLog,
    });
    await this.repairCopies();
  }

  /** Asks for an image nobody asked for before; returns the request hash. */
  async submit(): Promise<string> {
    this.#asked += 1;
    return (await this.builds.service.submit(requestFor(`package-${this.#asked}`), () => OWNER)).requestHash;
  }

  /** An agent with many slots pulls; undefined when nothing is to be claimed. */
  async claim(agentId: string): Promise<Lease | undefined> {
    const { agents, attempts } = this.builds;
    const session = sha256Hex(agentId).slice(0, 32);
    const pinned = { builder: builderToken(SOURCE), digest: SOURCE.digest };
    const sequence = (await this.redis.incr(`sequence-of:${agentId}`)) + 1;
    const common = { agentId, session, sequence };
    const held = await this.redis.smembers(`held-by:${agentId}`);
    const { isNewest } = await agents.record(
      firstPull({
        ...common,
        slots: 100,
        attempts: held.map((text) => JSON.parse(text) as Lease),
        warm: [pinned],
      }),
    );
    if (!isNewest) throw new Error('its pull was taken for an old one');
    const nonce = newLeaseNonce();
    const claim = await attempts.claim({ ...common, ...pinned, lane: 'open', nonce });
    if (claim.status !== 'granted') return undefined;
    const { requestHash = '', generation = '', attempt = 0 } = claim;
    const id = { requestHash, generation, attempt };
    const lease = { ...id, agentId, token: leaseToken(this.farmKey, id, agentId, nonce) };
    await this.redis.sadd(`held-by:${agentId}`, JSON.stringify(lease));
    return lease;
  }

  /** Claims, and opens the attempt's stream. Throws where nothing waits. */
  async begin(agentId = 'attic'): Promise<Lease> {
    const lease = await this.claim(agentId);
    if (!lease) throw new Error('nothing waits');
    await this.builds.attempts.openAttempt(lease, 'stream');
    return lease;
  }

  /** As Redis has it now; undefined for a build that it does not know. */
  async stateOf(hash: string): Promise<BuildState | undefined> {
    return (await this.builds.builds.get(hash))?.state;
  }

  /** Lets what is held back wait at once. */
  async endDelays(): Promise<void> {
    for (const hash of await this.redis.zrange('wrtfarm:delayed', '0', '-1')) {
      await this.redis.zadd('wrtfarm:delayed', 0, hash);
    }
    await this.builds.waiting.releaseDelayed();
  }

  /** Uploads an image of this content for an attempt. */
  async upload(lease: Lease, content: string): Promise<Artifact> {
    const image = { name: 'image.bin', sha256: sha256Hex(content), sizeBytes: content.length };
    const bytes = (async function* () {
      yield Buffer.from(content);
    })();
    await this.artifacts.write(attemptKey(lease), image, 0, bytes);
    return image;
  }

  /** Ends an attempt with an image that names it. */
  async finish(lease: Lease): Promise<void> {
    const image = await this.upload(lease, contentOf(lease));
    await this.builds.ends.finish(lease, resultWith(image));
  }
}

/** What the image of an attempt holds: no two attempts make the same. */
export function contentOf(lease: Lease): string {
  return `made by ${attemptKey(lease)} of ${lease.agentId}`;
}

export function resultWith(image: Artifact): AttemptResult {
  return {
    outcome: 'failed',
    failure: 'too_big',
    reason: 'does not fit',
    output: { stdout: '', stderr: '', buildCommand: [] },
    artifacts: [image],
  };
}

export function requestFor(name: string): ResolvedRequest {
  const { distro, version, target } = SOURCE;
  return {
    spec: plainSpec({ distro, version, target, packages: [name] }),
    source: SOURCE,
    client: 'test/1',
  };
}
