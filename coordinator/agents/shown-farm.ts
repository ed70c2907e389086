import type { Clock } from '../../shared/clock.ts';
import { builderName, parseBuilderToken } from '../../shared/domain/builder.ts';
import type { AttemptStore } from '../builds/attempt-store.ts';
import type { BuildTimes } from '../builds/build-times.ts';
import type { WaitingQueue } from '../builds/waiting-queue.ts';
import type { PinnedBuilders } from '../farm/pinned-builders.ts';
import type { AgentRegistry, AgentState } from './agent-registry.ts';

/** How long a picture of the farm is shown before it is made anew, milliseconds. */
const KEEP_MS = 1_000;

/** An agent as it is shown. */
export interface ShownAgent {
  readonly id: string;
  /** wrtfarm's version on it. */
  readonly software: string;
  readonly arch: string | null;
  readonly slots: number;
  readonly running: number;
  readonly warm: readonly string[];
  readonly warming: readonly string[];
  readonly load_per_core: number;
  readonly cpu_pressure: number | null;
  readonly disk_free_bytes: number;
  readonly disk_budget_bytes: number | null;
  /** `working`, `draining`, or `silent` with a build. */
  readonly state: 'working' | 'draining' | 'silent';
}

/** A builder that some agent has warm, that builds wait for, or that is pinned. */
export interface ShownBuilder {
  /** `24.10.4 x86/64`. */
  readonly name: string;
  readonly distro: string;
  readonly version: string;
  readonly target: string;
  /** The operator wants it warm always. */
  readonly pinned: boolean;
  readonly waiting: number;
  readonly running: number;
  /** Agents that have it warm, and that fetch it. */
  readonly warm_on: readonly string[];
  readonly warming_on: readonly string[];
  /** Median of its newest attempts; null where none has ended. */
  readonly median_seconds: number | null;
}

export interface ShownFarmDependencies {
  readonly agents: Pick<AgentRegistry, 'list'>;
  readonly waiting: Pick<WaitingQueue, 'waitingSets'>;
  readonly attempts: Pick<AttemptStore, 'runningByBuilder'>;
  readonly times: Pick<BuildTimes, 'medianMs'>;
  readonly pinned: Pick<PinnedBuilders, 'all'>;
  readonly clock: Clock;
}

/** The farm as anybody may see it: the same at every coordinator, a second old at most. */
export class ShownFarm {
  readonly #deps: ShownFarmDependencies;
  #agents: { readonly at: number; readonly states: Promise<readonly AgentState[]> } | undefined;

  constructor(deps: ShownFarmDependencies) {
    this.#deps = deps;
  }

  async agents(): Promise<readonly ShownAgent[]> {
    return (await this.#states()).map(shownAgent).sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Those that builds wait for first, then those with more running ones, then by name. */
  async builders(): Promise<readonly ShownBuilder[]> {
    const { waiting, attempts, times, pinned } = this.#deps;
    const [states, sets, running, pins] = await Promise.all([
      this.#states(),
      waiting.waitingSets(),
      attempts.runningByBuilder(),
      pinned.all(),
    ]);
    const tokens = new Set([
      ...states.flatMap(({ pull }) => [...pull.warm, ...pull.warming].map(({ builder }) => builder)),
      ...sets.map(({ builder }) => builder),
      ...running.keys(),
      ...pins,
    ]);
    const shown = await Promise.all(
      [...tokens].map(async (token): Promise<ShownBuilder | undefined> => {
        const builder = parseBuilderToken(token);
        if (!builder) return undefined;
        const medianMs = await times.medianMs(token);
        return {
          name: builderName(builder),
          ...builder,
          pinned: pins.has(token),
          waiting: sets.filter((set) => set.builder === token).reduce((sum, { count }) => sum + count, 0),
          running: running.get(token) ?? 0,
          warm_on: agentsWith(states, token, 'warm'),
          warming_on: agentsWith(states, token, 'warming'),
          median_seconds: medianMs === undefined ? null : medianMs / 1000,
        };
      }),
    );
    return shown
      .filter((each) => each !== undefined)
      .sort(
        (left, right) =>
          right.waiting - left.waiting || right.running - left.running || (left.name < right.name ? -1 : 1),
      );
  }

  #states(): Promise<readonly AgentState[]> {
    const now = this.#deps.clock.now();
    const held = this.#agents;
    if (held && now >= held.at && now - held.at < KEEP_MS) return held.states;
    const states = this.#deps.agents.list();
    this.#agents = { at: now, states };
    states.catch(() => {
      this.#agents = undefined;
    });
    return states;
  }
}

function shownAgent({ pull, running, isSuspect }: AgentState): ShownAgent {
  const name = (token: string): string => {
    const builder = parseBuilderToken(token);
    return builder ? builderName(builder) : token;
  };
  return {
    id: pull.agentId,
    software: pull.software,
    arch: pull.arch ?? null,
    slots: pull.slots,
    running: running.length,
    warm: pull.warm.map(({ builder }) => name(builder)).sort(),
    warming: pull.warming.map(({ builder }) => name(builder)).sort(),
    load_per_core: pull.loadPerCore,
    cpu_pressure: pull.cpuPressure ?? null,
    disk_free_bytes: pull.diskFreeBytes,
    disk_budget_bytes: pull.diskBudgetBytes ?? null,
    state: isSuspect ? 'silent' : pull.draining ? 'draining' : 'working',
  };
}

function agentsWith(
  states: readonly AgentState[],
  token: string,
  list: 'warm' | 'warming',
): readonly string[] {
  return states
    .filter(({ pull }) => pull[list].some(({ builder }) => builder === token))
    .map(({ pull }) => pull.agentId)
    .sort();
}
