import type { Registry } from 'prom-client';
import { parseBuilderToken } from '../../shared/domain/builder.ts';
import { type AgentView, type FarmView, isUsable } from '../scheduling/farm-view.ts';
import { type Wanted, wantedCapacity } from '../scheduling/wanted.ts';
import { addReadGauge, type Sample } from './read-gauge.ts';

/** What the gauges are read from at each scrape. */
export interface GaugeSources {
  /** The same picture for all that ask at the same time. */
  farm(): Promise<FarmView>;
  oldestWaitMs(): Promise<number>;
  parkedPulls(): number;
  isCatalogStale(): boolean;
  /** Bytes. */
  artifactDiskFree(): Promise<number>;
}

/** Adds what is told of the farm as a whole, and of this coordinator's own state. */
export function addGauges(registry: Registry, sources: GaugeSources): void {
  addQueue(registry, sources);
  addAgents(registry, sources);
  addWanted(registry, sources);
  addReadGauge(registry, {
    name: 'wrtfarm_pulls_parked',
    help: 'Agents that wait for work at this coordinator.',
    read: async () => [[{}, sources.parkedPulls()]],
  });
  addReadGauge(registry, {
    name: 'wrtfarm_catalog_stale',
    help: '1 while upstream fails to give some of its metadata: an older copy serves, or none.',
    read: async () => [[{}, sources.isCatalogStale() ? 1 : 0]],
  });
  addReadGauge(registry, {
    name: 'wrtfarm_artifact_disk_free_bytes',
    help: 'Free space where files of attempts come in: the artifact store, or the folder beside a bucket.',
    read: async () => [[{}, await sources.artifactDiskFree()]],
  });
}

function addQueue(registry: Registry, sources: GaugeSources): void {
  addReadGauge(registry, {
    name: 'wrtfarm_queue_depth',
    help: 'Builds that wait for an agent.',
    labelNames: ['lane', 'version', 'target'],
    read: async () =>
      (await sources.farm()).waiting.flatMap(({ lane, builder, count }) =>
        ofBuilder(builder, count).map(
          ([labels, value]): Sample<'lane' | BuilderLabel> => [{ lane, ...labels }, value],
        ),
      ),
  });
  addReadGauge(registry, {
    name: 'wrtfarm_queue_oldest_wait_seconds',
    help: 'How long the oldest queued build has waited.',
    read: async () => [[{}, (await sources.oldestWaitMs()) / 1000]],
  });
}

function addAgents(registry: Registry, sources: GaugeSources): void {
  addReadGauge(registry, {
    name: 'wrtfarm_agents',
    help: 'Agents heard of lately, by what they do.',
    labelNames: ['state'],
    read: async () => {
      const { agents } = await sources.farm();
      return [
        ...AGENT_STATES.map((state): Sample<'state'> => [{ state }, 0]),
        ...agents.map((agent): Sample<'state'> => [{ state: agentStateOf(agent) }, 1]),
      ];
    },
  });
  addReadGauge(registry, {
    name: 'wrtfarm_builders_warm',
    help: 'Agents that have a builder warm.',
    labelNames: BUILDER_LABELS,
    read: async () =>
      (await sources.farm()).agents.flatMap(({ warm }) =>
        warm.flatMap(({ builder }) => ofBuilder(builder, 1)),
      ),
  });
  addReadGauge(registry, {
    name: 'wrtfarm_builders_warming',
    help: 'Agents that fetch a builder.',
    labelNames: BUILDER_LABELS,
    read: async () =>
      (await sources.farm()).agents.flatMap(({ warming }) =>
        warming.flatMap(({ builder }) => ofBuilder(builder, 1)),
      ),
  });
}

/** What an autoscaler goes by. */
function addWanted(registry: Registry, sources: GaugeSources): void {
  const known = new WeakMap<FarmView, Wanted>();
  const wanted = async (): Promise<Wanted> => {
    const farm = await sources.farm();
    const capacity = known.get(farm) ?? wantedCapacity(farm);
    known.set(farm, capacity);
    return capacity;
  };
  addReadGauge(registry, {
    name: 'wrtfarm_slots',
    help: 'Slots of agents that take work, free or busy.',
    read: async () => {
      const { agents } = await sources.farm();
      return [[{}, agents.filter(isUsable).reduce((sum, { slots }) => sum + slots, 0)]];
    },
  });
  addReadGauge(registry, {
    name: 'wrtfarm_slots_wanted',
    help: 'Slots that run what runs now, begin what waits within five minutes and carry the usual demand.',
    read: async () => [[{}, (await wanted()).slots]],
  });
  addReadGauge(registry, {
    name: 'wrtfarm_builders_wanted',
    help: 'Agents that should have a builder warm.',
    labelNames: BUILDER_LABELS,
    read: async () => [...(await wanted()).copies].flatMap(([builder, count]) => ofBuilder(builder, count)),
  });
  addReadGauge(registry, {
    name: 'wrtfarm_builders_missing',
    help: 'Wanted copies of builders that no agent has or fetches, all builders together.',
    read: async () => [[{}, (await wanted()).missingCopies]],
  });
}

const BUILDER_LABELS = ['version', 'target'] as const;
type BuilderLabel = (typeof BUILDER_LABELS)[number];

/** Builders of two distributions with the same version and target are told together. */
function ofBuilder(token: string, value: number): readonly Sample<BuilderLabel>[] {
  const builder = parseBuilderToken(token);
  return builder ? [[{ version: builder.version, target: builder.target }, value]] : [];
}

const AGENT_STATES = ['idle', 'busy', 'warming', 'draining', 'silent'] as const;

function agentStateOf({ draining, running, warming, isSuspect }: AgentView): (typeof AGENT_STATES)[number] {
  if (isSuspect) return 'silent';
  if (draining) return 'draining';
  if (running.length > 0) return 'busy';
  return warming.length > 0 ? 'warming' : 'idle';
}
