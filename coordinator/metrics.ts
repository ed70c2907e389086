import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { OUTCOMES, type Outcome } from '../shared/domain/build.ts';
import { parseBuilderToken } from '../shared/domain/builder.ts';
import type { AgentState } from './agents/agent-registry.ts';
import { LOSS_CAUSES, type LossCause } from './builds/loss.ts';
import type { WaitingSet } from './builds/waiting-queue.ts';

/** What the gauges are read from at each scrape. */
export interface MetricSources {
  waitingSets(): Promise<readonly WaitingSet[]>;
  oldestWaitMs(): Promise<number>;
  agents(): Promise<readonly AgentState[]>;
  parkedPulls(): number;
  isCatalogStale(): boolean;
}

/** What a coordinator tells Prometheus. Farm-wide gauges come from Redis, so every coordinator tells the same; counters are its own. */
export interface Metrics {
  readonly registry: Registry;
  requestAccepted(kind: 'known' | 'new'): void;
  requestRefused(): void;
  attemptStarted(): void;
  attemptLost(cause: LossCause): void;
  buildFinished(outcome: Outcome): void;
  stageEnded(stage: string, tookMs: number): void;
  /** Adds the gauges, once what they are read from is there. */
  readFrom(sources: MetricSources): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'wrtfarm_requests_accepted_total',
    help: 'Build requests answered from a known build (known) or queued as a new one (new).',
    labelNames: ['kind'],
    registers,
  });
  const refused = new Counter({
    name: 'wrtfarm_requests_refused_total',
    help: 'Well-formed build requests for what is not to be had: a version, a package, a profile.',
    registers,
  });
  const started = new Counter({
    name: 'wrtfarm_attempts_started_total',
    help: 'Attempts granted to agents.',
    registers,
  });
  const lost = new Counter({
    name: 'wrtfarm_attempts_lost_total',
    help: 'Attempts that ended without a result and count against their build.',
    labelNames: ['cause'],
    registers,
  });
  const finished = new Counter({
    name: 'wrtfarm_builds_finished_total',
    help: 'Builds that became final.',
    labelNames: ['outcome'],
    registers,
  });
  const stages = new Histogram({
    name: 'wrtfarm_stage_duration_seconds',
    help: 'How long attempts stay in each stage.',
    labelNames: ['stage'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640],
    registers,
  });
  // Asked for once: it is counted with each request.
  const accepted = { known: requests.labels('known'), new: requests.labels('new') };
  // Told as 0 from the start, so that a rate over the first one is seen.
  for (const outcome of OUTCOMES) finished.inc({ outcome }, 0);
  for (const cause of LOSS_CAUSES) lost.inc({ cause }, 0);
  return {
    registry,
    requestAccepted: (kind) => accepted[kind].inc(),
    requestRefused: () => refused.inc(),
    attemptStarted: () => started.inc(),
    attemptLost: (cause) => lost.inc({ cause }),
    buildFinished: (outcome) => finished.inc({ outcome }),
    stageEnded: (stage, tookMs) => stages.observe({ stage }, tookMs / 1000),
    readFrom: (sources) => registerGauges(registry, sources),
  };
}

function registerGauges(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: 'wrtfarm_queue_depth',
    help: 'Builds that wait for an agent.',
    labelNames: ['lane', 'version', 'target'],
    registers,
    async collect() {
      this.reset();
      for (const set of await sources.waitingSets()) {
        const builder = parseBuilderToken(set.builder);
        if (builder)
          this.set({ lane: set.lane, version: builder.version, target: builder.target }, set.count);
      }
    },
  });
  new Gauge({
    name: 'wrtfarm_queue_oldest_wait_seconds',
    help: 'How long the oldest queued build has waited.',
    registers,
    async collect() {
      this.set((await sources.oldestWaitMs()) / 1000);
    },
  });
  const warm = new Gauge({
    name: 'wrtfarm_builders_warm',
    help: 'Agents that have a builder warm.',
    labelNames: ['version', 'target'],
    registers,
  });
  new Gauge({
    name: 'wrtfarm_agents',
    help: 'Agents heard of lately, by what they do.',
    labelNames: ['state'],
    registers,
    async collect() {
      this.reset();
      warm.reset();
      for (const state of AGENT_STATES) this.set({ state }, 0);
      for (const agent of await sources.agents()) {
        this.inc({ state: agentStateOf(agent) });
        for (const { builder: token } of agent.pull.warm) {
          const builder = parseBuilderToken(token);
          if (builder) warm.inc({ version: builder.version, target: builder.target });
        }
      }
    },
  });
  new Gauge({
    name: 'wrtfarm_pulls_parked',
    help: 'Agents that wait for work at this coordinator.',
    registers,
    collect() {
      this.set(sources.parkedPulls());
    },
  });
  new Gauge({
    name: 'wrtfarm_catalog_stale',
    help: '1 while upstream fails to give some of its metadata: an older copy serves, or none.',
    registers,
    collect() {
      this.set(sources.isCatalogStale() ? 1 : 0);
    },
  });
}

const AGENT_STATES = ['idle', 'busy', 'warming', 'draining', 'silent'] as const;

function agentStateOf({ pull, running, isSuspect }: AgentState): (typeof AGENT_STATES)[number] {
  if (isSuspect) return 'silent';
  if (pull.draining) return 'draining';
  if (running.length > 0) return 'busy';
  return pull.warming.length > 0 ? 'warming' : 'idle';
}
