import { builderName, parseBuilderToken } from '../../shared/domain/builder.ts';
import type { AgentState } from '../agents/agent-registry.ts';
import type { BuildTimes } from '../builds/build-times.ts';
import { etaOf } from '../scheduling/eta.ts';
import type { AgentView, FarmView } from '../scheduling/farm-view.ts';
import { Prospects } from '../scheduling/outlook.ts';
import type { FarmPictures } from './farm-picture.ts';

/** How old a picture of the farm may be that is shown, milliseconds. */
const PICTURE_MS = 500;

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
  /** Until a build asked for now would be done; null where nobody can say. */
  readonly eta_seconds: number | null;
}

export interface ShownFarmDependencies {
  readonly farm: FarmPictures;
  readonly times: Pick<BuildTimes, 'medianMs'>;
  /** Most fetches at once, farm-wide. */
  readonly maxFetches: number;
}

/** The farm as anybody may see it: the same at every coordinator, half a second old at most. */
export class ShownFarm {
  readonly #deps: ShownFarmDependencies;

  constructor(deps: ShownFarmDependencies) {
    this.#deps = deps;
  }

  async agents(): Promise<readonly ShownAgent[]> {
    const { states } = await this.#deps.farm.within(PICTURE_MS);
    return states.map(shownAgent).sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** Those that builds wait for first, then those with more running ones, then by name. */
  async builders(): Promise<readonly ShownBuilder[]> {
    const { view } = await this.#deps.farm.within(PICTURE_MS);
    const { agents, waiting, pinned } = view;
    const running = new Map<string, number>();
    for (const token of agents.flatMap((agent) => agent.running))
      running.set(token, (running.get(token) ?? 0) + 1);
    const tokens = new Set([
      ...agents.flatMap(({ warm, warming }) => [...warm, ...warming].map(({ builder }) => builder)),
      ...waiting.map(({ builder }) => builder),
      ...running.keys(),
      ...pinned,
    ]);
    const prospects = new Prospects(view, this.#deps.maxFetches);
    const shown = await Promise.all(
      [...tokens].map(async (token): Promise<ShownBuilder | undefined> => {
        const builder = parseBuilderToken(token);
        if (!builder) return undefined;
        const medianMs = await this.#deps.times.medianMs(token);
        const count = waiting.filter((set) => set.builder === token).reduce((sum, set) => sum + set.count, 0);
        return {
          name: builderName(builder),
          ...builder,
          pinned: pinned.has(token),
          waiting: count,
          running: running.get(token) ?? 0,
          warm_on: agentsWith(agents, token, 'warm'),
          warming_on: agentsWith(agents, token, 'warming'),
          median_seconds: medianMs === undefined ? null : medianMs / 1000,
          eta_seconds: this.#etaSeconds(view, prospects, token, count),
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

  /** Of a build that would be asked for now and come behind all that waits for its builder. */
  #etaSeconds(view: FarmView, prospects: Prospects, builder: string, position: number): number | null {
    const digest =
      view.digests.get(builder) ??
      view.agents.flatMap(({ warm }) => warm).find((each) => each.builder === builder)?.digest ??
      '';
    const prospect = prospects.of({ lane: 'open', builder, digest });
    return prospect ? Math.ceil(etaOf({ ...prospect, position }).doneInMs / 1000) : null;
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
  agents: readonly AgentView[],
  token: string,
  list: 'warm' | 'warming',
): readonly string[] {
  return agents
    .filter((agent) => agent[list].some(({ builder }) => builder === token))
    .map(({ agentId }) => agentId)
    .sort();
}
