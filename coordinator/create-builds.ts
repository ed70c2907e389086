import type { Redis } from 'ioredis';
import type { NatsConnection } from 'nats';
import type { Clock } from '../shared/clock.ts';
import type { Outcome } from '../shared/domain/build.ts';
import { builderToken } from '../shared/domain/builder.ts';
import { leaseTimes } from '../shared/domain/lease.ts';
import type { Log } from '../shared/log.ts';
import { AgentRegistry } from './agents/agent-registry.ts';
import type { ArtifactStore } from './artifacts/artifact-store.ts';
import type { BuildJson } from './artifacts/sealed-build.ts';
import { AttemptEnds } from './builds/attempt-ends.ts';
import { AttemptStore } from './builds/attempt-store.ts';
import { BuildIndex } from './builds/build-index.ts';
import type { BuildRecord } from './builds/build-record.ts';
import { BuildService } from './builds/build-service.ts';
import { BuildStore } from './builds/build-store.ts';
import type { Lifetimes } from './builds/final-answer.ts';
import { FinalCommit } from './builds/final-commit.ts';
import { Recovery } from './builds/recovery.ts';
import { RedisScripts } from './builds/redis-scripts.ts';
import type { Replication } from './builds/replication.ts';
import { WaitingQueue } from './builds/waiting-queue.ts';
import { Watch } from './builds/watch.ts';
import { createFarm, type Farm } from './farm/create-farm.ts';
import { Forecast } from './farm/forecast.ts';
import { BuildFollower } from './follow/build-follower.ts';
import { WatchedBuilds } from './follow/watched-builds.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { JobQueue } from './queue/job-queue.ts';
import type { SecondCopies } from './queue/second-copies.ts';
import type { StatsRecorder } from './stats/stats-recorder.ts';

/** The parts that together are the truth about builds, wired. None of them has a life of its own. */
export interface Builds extends Farm {
  readonly builds: BuildStore;
  readonly index: BuildIndex;
  readonly recovery: Recovery;
  readonly attempts: AttemptStore;
  readonly waiting: WaitingQueue;
  readonly agents: AgentRegistry;
  readonly watch: Watch;
  readonly commit: FinalCommit;
  readonly ends: AttemptEnds;
  readonly service: BuildService;
  readonly follower: BuildFollower;
}

export interface CreateBuildsDependencies {
  readonly redis: Redis;
  readonly replication?: Replication;
  readonly connection: NatsConnection;
  readonly queue: JobQueue;
  readonly copies: SecondCopies;
  readonly farmKey: Buffer;
  readonly artifacts: ArtifactStore;
  readonly metrics: Metrics;
  readonly stats: Pick<StatsRecorder, 'requested' | 'finished'>;
  readonly clock: Clock;
  readonly log: Log;
}

export function createBuilds(
  deps: CreateBuildsDependencies,
  config: Lifetimes & {
    readonly leaseMs: number;
    readonly maxQueued: number;
    readonly maxQueuedPerClient: number;
    readonly maxWarming: number;
  },
): Builds {
  const { redis, connection, queue, copies, farmKey, artifacts, metrics, stats, clock, log } = deps;
  const scripts = new RedisScripts(redis, deps.replication);
  const builds = new BuildStore(redis, scripts);
  const index = new BuildIndex(redis);
  const { leaseMs } = config;
  const onRepair = metrics.repaired;
  const recovery = new Recovery({ scripts, builds, copies, artifacts, farmKey, leaseMs, log, onRepair });
  const attempts = new AttemptStore(redis, scripts, leaseTimes(leaseMs), (lease) => recovery.attempt(lease));
  const waiting = new WaitingQueue(redis, scripts);
  const agents = new AgentRegistry(redis, scripts);
  const watch = new Watch(connection);
  const onFinished = (outcome: Outcome, json: BuildJson): void => {
    metrics.buildFinished(outcome);
    stats.finished(json);
  };
  const commit = new FinalCommit({
    ...{ builds, index, artifacts, copies, watch, log, onFinished },
    lifetimes: config,
  });
  const ends = new AttemptEnds({
    builds,
    attempts,
    artifacts,
    commit,
    queue,
    watch,
    log,
    lifetimes: config,
    otherAgents: async (agentId) =>
      (await agents.list()).filter((agent) => canTakeFrom(agent, agentId)).length,
    onLost: metrics.attemptLost,
    onSilent: (agentId) => agents.markSuspect(agentId),
  });
  const farm = createFarm({ redis, clock, log, agents, waiting });
  const forecast = new Forecast({
    farm: farm.farm,
    waiting,
    attempts,
    clock,
    maxFetches: config.maxWarming,
  });
  const service = new BuildService({
    ...{ builds, index, waiting, artifacts, queue, copies, recovery },
    forecast: (record) => forecast.of(record),
    clock,
    log,
    maxQueued: config.maxQueued,
    maxQueuedPerClient: config.maxQueuedPerClient,
    onRequest: (kind, record, request) => {
      metrics.requestAccepted(kind);
      stats.requested(kind, record, request);
      if (kind === 'new') farm.demand.count(builderToken(record.source));
    },
  });
  const get = (hash: string): Promise<BuildRecord | undefined> => service.get(hash);
  const watched = new WatchedBuilds({ get, readLog: (id, from) => attempts.readLog(id, from), watch });
  const follower = new BuildFollower({ attempts, files: artifacts, watched });
  return {
    ...farm,
    builds,
    index,
    recovery,
    attempts,
    waiting,
    agents,
    watch,
    commit,
    ends,
    service,
    follower,
  };
}

function canTakeFrom(
  { pull, isSuspect }: Awaited<ReturnType<AgentRegistry['list']>>[number],
  agentId: string | undefined,
): boolean {
  return pull.agentId !== agentId && !pull.draining && !isSuspect;
}
