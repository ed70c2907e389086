import type { Clock } from '../../shared/clock.ts';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import type { AgentRegistry, AgentState, WarmOrder } from '../agents/agent-registry.ts';
import { agentViewOf } from '../agents/agent-view.ts';
import type { BuildTimes } from '../builds/build-times.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import { ratePerMs } from '../scheduling/demand.ts';
import type { FarmView } from '../scheduling/farm-view.ts';
import { measuredBy } from '../scheduling/measured.ts';
import type { DemandCounts } from './demand-counts.ts';
import type { OfferedBuilders } from './offered-builders.ts';
import type { PinnedBuilders } from './pinned-builders.ts';

/** The whole farm at one moment. */
export interface FarmPicture {
  readonly view: FarmView;
  readonly sets: readonly WaitingSet[];
  readonly states: readonly AgentState[];
  /** By builder, as upstream offers it. */
  readonly offered: ReadonlyMap<string, BuilderSource>;
}

export interface FarmPicturesDependencies {
  readonly agents: Pick<AgentRegistry, 'list' | 'warmOrders'>;
  readonly waiting: Pick<WaitingQueue, 'waitingSets'>;
  readonly times: BuildTimes;
  readonly demand: DemandCounts;
  readonly offered: OfferedBuilders;
  readonly pinned: PinnedBuilders;
  readonly clock: Clock;
}

/** Takes pictures of the farm, read from Redis, for decisions and for whoever looks. */
export class FarmPictures {
  readonly #deps: FarmPicturesDependencies;
  #newest: { readonly takenAt: number; readonly picture: Promise<FarmPicture> } | undefined;
  #finished: { readonly takenAt: number; readonly picture: FarmPicture } | undefined;

  constructor(deps: FarmPicturesDependencies) {
    this.#deps = deps;
  }

  /** The newest picture, or a new one when that is older; who asks at the same time gets the same. */
  async within(maxAgeMs: number): Promise<FarmPicture> {
    const now = performance.now();
    if (this.#newest && now - this.#newest.takenAt <= maxAgeMs) return await this.#newest.picture;
    const taken = { takenAt: now, picture: this.#take() };
    this.#newest = taken;
    taken.picture.then(
      (picture) => {
        if (this.#newest === taken) this.#finished = { takenAt: now, picture };
      },
      () => {
        if (this.#newest === taken) this.#newest = undefined;
      },
    );
    return await taken.picture;
  }

  /**
   * The newest picture that is there, while a new one is taken when it is older than `freshMs`: nobody waits for that unless the one
   * there is older than `maxAgeMs`.
   */
  async lately(freshMs: number, maxAgeMs: number): Promise<FarmPicture> {
    const finished = this.#finished;
    const now = performance.now();
    if (!finished || now - finished.takenAt > maxAgeMs) return await this.within(freshMs);
    // What fails here is told once the one there is too old.
    if (now - finished.takenAt > freshMs) this.within(freshMs).catch(() => undefined);
    return finished.picture;
  }

  /** The newest picture is wrong by now: whoever asks next gets a new one. */
  forget(): void {
    this.#newest = undefined;
    this.#finished = undefined;
  }

  async #take(): Promise<FarmPicture> {
    const { agents, waiting, demand, offered, pinned, clock } = this.#deps;
    const [states, sets, orders, demands, sources, pins] = await Promise.all([
      agents.list(),
      waiting.waitingSets(),
      agents.warmOrders(),
      demand.all(),
      offered.all(),
      pinned.all(),
    ]);
    const parts = sets.flatMap((set) => set.parts);
    const digests = new Map([...sources].map(([builder, { digest }]) => [builder, digest]));
    const wanted = new Map(parts.map(({ builder, digest }) => [builder, digest]));
    const digestOf = (builder: string): string | undefined => wanted.get(builder) ?? digests.get(builder);
    const views = states.map((state) => agentViewOf(state, ordersOf(state.pull.agentId, orders, digestOf)));
    const builders = new Set([
      ...parts.map(({ builder }) => builder),
      ...views.flatMap(({ warm }) => warm.map(({ builder }) => builder)),
      ...demands.keys(),
      ...pins,
    ]);
    const measured = measuredBy(views, builders, await this.#buildMs(builders));
    const now = clock.now();
    const view: FarmView = {
      agents: views,
      waiting: parts,
      rates: new Map([...demands].map(([builder, each]) => [builder, ratePerMs(each, now)])),
      ...measured,
      digests,
      pinned: pins,
    };
    return { view, sets, states, offered: sources };
  }

  async #buildMs(builders: Iterable<string>): Promise<ReadonlyMap<string, number>> {
    const found = await Promise.all(
      [...builders].map(async (builder) => [builder, await this.#deps.times.medianMs(builder)] as const),
    );
    const known = new Map<string, number>();
    for (const [builder, ms] of found) if (ms !== undefined) known.set(builder, ms);
    return known;
  }
}

function ordersOf(
  agentId: string,
  { fetches, pauses }: { readonly fetches: readonly WarmOrder[]; readonly pauses: readonly WarmOrder[] },
  digestOf: (builder: string) => string | undefined,
): Parameters<typeof agentViewOf>[1] {
  const mine = (orders: readonly WarmOrder[]): readonly string[] =>
    orders.filter((order) => order.agentId === agentId).map(({ builder }) => builder);
  return {
    warming: mine(fetches).map((builder) => ({ builder, digest: digestOf(builder) ?? '' })),
    paused: mine(pauses),
  };
}
