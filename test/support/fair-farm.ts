import { Redis } from 'ioredis';
import { AgentRegistry } from '../../coordinator/agents/agent-registry.ts';
import { AttemptStore } from '../../coordinator/builds/attempt-store.ts';
import type { BuildOwner } from '../../coordinator/builds/build-owner.ts';
import type { ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { BuildStore } from '../../coordinator/builds/build-store.ts';
import { sealCancelled, sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { type BuilderSource, builderToken } from '../../shared/domain/builder.ts';
import { type Lease, leaseTimes, leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import { startRedis } from './servers/start-redis.ts';
import { submitBuild } from './submit-build.ts';

const AGENT = { agentId: 'agent-1', session: 'a'.repeat(32), sequence: 1 };
const BUILDERS = ['24.10.4', '24.10.5'];

/** What Redis keeps of the fair order. */
export interface KeptOrder {
  readonly virtualTime: string | null;
  /** Hash, tag, hash, tag … */
  readonly waitingOrder: readonly string[];
  readonly clientTags: Readonly<Record<string, string>>;
  readonly clientWaiting: Readonly<Record<string, string>>;
}

/** The scripts on a Redis of their own, and one agent that takes whatever is first. Whoever starts it disposes it. */
export class FairFarm implements AsyncDisposable {
  readonly redis: Redis;
  readonly builds: BuildStore;
  readonly waiting: WaitingQueue;
  readonly #attempts: AttemptStore;
  readonly #agents: AgentRegistry;
  readonly #stop: () => Promise<void>;
  #count = 0;

  private constructor(url: string, stop: () => Promise<void>) {
    this.redis = new Redis(url);
    const scripts = new RedisScripts(this.redis);
    this.builds = new BuildStore(this.redis, scripts);
    this.waiting = new WaitingQueue(this.redis, scripts);
    this.#attempts = new AttemptStore(this.redis, scripts, leaseTimes(60_000), async () => false);
    this.#agents = new AgentRegistry(this.redis, scripts);
    this.#stop = stop;
  }

  static async start(): Promise<FairFarm> {
    const server = await startRedis();
    return new FairFarm(server.url, async () => server[Symbol.asyncDispose]());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.redis.disconnect();
    await this.#stop();
  }

  /** Forgets everything; the clock starts anew. */
  async reset(virtualTime = 0): Promise<void> {
    await this.redis.flushall();
    await this.redis.set('wrtfarm:virtual-time', virtualTime);
    await this.#agents.record(firstPull({ ...AGENT, slots: 100_000 }));
  }

  /** A build like no other; its hash. */
  async submit(owner: BuildOwner, builder = 0): Promise<string> {
    this.#count += 1;
    const { record } = await submitBuild(this, request(`p${this.#count}`, builder), 100_000, owner);
    return record.requestHash;
  }

  /** Takes the first of a builder. */
  async claim(builder = 0): Promise<Lease | undefined> {
    const nonce = newLeaseNonce();
    const source = sourceOf(builder);
    const what = { lane: 'open', builder: builderToken(source), digest: source.digest, nonce } as const;
    const answer = await this.#attempts.claim({ ...AGENT, ...what });
    if (answer.status !== 'granted') return undefined;
    const { requestHash = '', generation = '', attempt = 0 } = answer;
    const id = { requestHash, generation, attempt };
    const { agentId } = AGENT;
    const lease = { ...id, agentId, token: leaseToken(Buffer.alloc(32), id, agentId, nonce) };
    await this.#attempts.openAttempt(lease, 'stream');
    return lease;
  }

  /** Ends an attempt without a result. A second one that counts delays its build. */
  async lose(lease: Lease, isCounted = false): Promise<string> {
    const record = await this.builds.get(lease.requestHash);
    if (!record) throw new Error('no such build');
    const exhausted = sealFarmFailure(record, 'lost');
    const how = { lease, trouble: 'feed', isCounted, avoidMs: 0, exhausted } as const;
    return (await this.#attempts.loseAttempt(lease, how)).status;
  }

  async cancel(hash: string): Promise<void> {
    const record = await this.builds.get(hash);
    if (!record) throw new Error('no such build');
    await this.builds.cancel(record, sealCancelled(record));
  }

  async kept(): Promise<KeptOrder> {
    const [virtualTime, waitingOrder, clientTags, clientWaiting] = await Promise.all([
      this.redis.get('wrtfarm:virtual-time'),
      this.redis.zrange('wrtfarm:waiting-order', '0', '-1', 'WITHSCORES'),
      this.redis.hgetall('wrtfarm:client-tags'),
      this.redis.hgetall('wrtfarm:client-waiting'),
    ]);
    return { virtualTime, waitingOrder, clientTags, clientWaiting };
  }

  /** Hashes and scores of what waits for a builder, in turn. */
  async waitingFor(builder: number): Promise<readonly string[]> {
    const key = `wrtfarm:waiting:open:${builderToken(sourceOf(builder))}`;
    return await this.redis.zrange(key, '0', '-1', 'WITHSCORES');
  }
}

function sourceOf(builder: number): BuilderSource {
  const version = BUILDERS[builder] ?? '';
  return {
    ...{ distro: 'openwrt', version, target: 'x86/64' },
    ...{ versionPath: `releases/${version}`, digest: 'd'.repeat(64) },
  };
}

function request(name: string, builder: number): ResolvedRequest {
  const source = sourceOf(builder);
  return {
    spec: plainSpec({ version: source.version, packages: [name] }),
    source,
    client: null,
  };
}
