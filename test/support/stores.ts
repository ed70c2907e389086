import { Redis } from 'ioredis';
import { AgentRegistry } from '../../coordinator/agents/agent-registry.ts';
import { AttemptStore } from '../../coordinator/builds/attempt-store.ts';
import type { BuildRecord, ResolvedRequest } from '../../coordinator/builds/build-record.ts';
import { BuildStore, type SubmittedBuild } from '../../coordinator/builds/build-store.ts';
import { sealFarmFailure } from '../../coordinator/builds/final-answer.ts';
import type { ScriptAnswer } from '../../coordinator/builds/redis-scripts.ts';
import { RedisScripts } from '../../coordinator/builds/redis-scripts.ts';
import { WaitingQueue } from '../../coordinator/builds/waiting-queue.ts';
import { builderToken } from '../../shared/domain/builder.ts';
import { type Lease, leaseTimes, leaseToken, newLeaseNonce } from '../../shared/domain/lease.ts';
import { plainSpec } from '../../shared/domain/plain-spec.test.support.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { firstPull } from '../../shared/messages/first-pull.test.support.ts';
import type { Pull } from '../../shared/messages/pull.ts';
import { startRedis } from './servers/start-redis.ts';
import { submitBuild } from './submit-build.ts';

const FARM_KEY = Buffer.alloc(32, 7);
const DIGEST = 'd'.repeat(64);
export const TIMES = leaseTimes(1_500);

/** What coordinators keep in Redis, without NATS and the artifact store: a test calls the stores themselves. */
export class Stores implements AsyncDisposable {
  readonly redis: Redis;
  readonly builds: BuildStore;
  readonly attempts: AttemptStore;
  readonly waiting: WaitingQueue;
  readonly agents: AgentRegistry;
  readonly #opened: Disposers;

  private constructor(redis: Redis, opened: Disposers) {
    this.redis = redis;
    this.#opened = opened;
    const scripts = new RedisScripts(redis);
    this.builds = new BuildStore(redis, scripts);
    this.attempts = new AttemptStore(redis, scripts, TIMES, async () => false);
    this.waiting = new WaitingQueue(redis, scripts);
    this.agents = new AgentRegistry(redis, scripts);
  }

  static async start(): Promise<Stores> {
    const opened = new Disposers();
    const server = opened.use('redis', await startRedis());
    const redis = new Redis(server.url);
    opened.add('client', async () => redis.disconnect());
    return new Stores(redis, opened);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]();
  }

  async submit(wanted = request(), maxQueued = 10): Promise<SubmittedBuild> {
    return await submitBuild(this, wanted, maxQueued);
  }

  /** The lease that a pull is granted, or why it is granted none. */
  async claim(agent = pull(), digest = DIGEST): Promise<Lease | string> {
    const nonce = newLeaseNonce();
    const { agentId, session, sequence } = agent;
    const builder = builderToken(request().source);
    const wanted = { agentId, session, sequence, lane: 'open', builder, digest, nonce } as const;
    const answer = await this.attempts.claim(wanted);
    if (answer.status !== 'granted') return answer.status;
    const { requestHash = '', generation = '', attempt = 0 } = answer;
    const id = { requestHash, generation, attempt };
    return { ...id, agentId, token: leaseToken(FARM_KEY, id, agentId, nonce) };
  }

  /** The lease that a pull is granted. Throws where it is granted none. */
  async claimed(agent = pull()): Promise<Lease> {
    const lease = await this.claim(agent);
    if (typeof lease === 'string') throw new Error(`claim answered ${lease}`);
    return lease;
  }

  /** The lease of the only build there is, which an agent was just granted. */
  async granted(): Promise<Lease> {
    await this.agents.record(pull());
    await this.submit();
    return await this.claimed();
  }

  /** Throws where there is no such build. */
  async record(hash: string): Promise<BuildRecord> {
    const found = await this.builds.get(hash);
    if (!found) throw new Error('no such build');
    return found;
  }

  /** Ends an attempt without a result: by its holder, unless `how` says otherwise. */
  async lose(
    lease: Lease,
    how: Partial<Parameters<AttemptStore['loseAttempt']>[1]> = { lease },
  ): Promise<ScriptAnswer<'lose-attempt'>> {
    return await this.attempts.loseAttempt(lease, {
      trouble: 'feed',
      isCounted: true,
      avoidMs: 0,
      exhausted: sealFarmFailure(await this.record(lease.requestHash), 'lost'),
      ...how,
    });
  }
}

export function request(changes: Partial<ResolvedRequest['spec']> = {}, digest = DIGEST): ResolvedRequest {
  return {
    spec: plainSpec({ packages: ['vim'], ...changes }),
    source: {
      distro: 'openwrt',
      version: '24.10.4',
      target: 'x86/64',
      versionPath: 'releases/24.10.4',
      digest,
    },
    client: 'test/1',
  };
}

/** Of an agent that is warm for what `request` asks for. */
export function pull(changes: Partial<Pull> = {}): Pull {
  const { source } = request();
  return firstPull({
    agentId: 'agent-1',
    warm: [{ builder: builderToken(source), digest: source.digest }],
    ...changes,
  });
}
