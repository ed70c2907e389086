import { countRequest, type Demand, ratePerMs } from '../../../coordinator/scheduling/demand.ts';
import type { AgentView, FarmView } from '../../../coordinator/scheduling/farm-view.ts';
import { freeSlots } from '../../../coordinator/scheduling/farm-view.ts';
import { expectedDemand } from '../../../coordinator/scheduling/new-release.ts';
import { matchAgents, servable } from '../../../coordinator/scheduling/placement.ts';
import { median } from '../../../coordinator/scheduling/timings.ts';
import { planFetches } from '../../../coordinator/scheduling/warming.ts';
import { fetchLimits } from '../../../coordinator/scheduling/warming-state.ts';
import { FairQueue } from './fair-queue.ts';
import type { Policy, SimBuild, SimFarm, SimMachine } from './sim-farm.ts';
import { type SimBuilder, type Trace, UNPACKED_BYTES } from './workload.ts';

/** For ten agents. */
const LIMITS = fetchLimits(8);
/** Bytes of a digest do not matter here: upstream never changes under a trace. */
const DIGEST = 'd'.repeat(64);

/** How old the demand that decisions rest on may be, milliseconds. */
const RATES_MS = 60_000;
const NOTHING: ReadonlySet<string> = new Set();

/** The farm's own scheduling, asked as the broker and the planner ask it. */
export class WarmFirst implements Policy {
  readonly #farm: SimFarm;
  readonly #trace: Trace;
  readonly #builders: ReadonlyMap<string, SimBuilder>;
  readonly #queue = new FairQueue<SimBuild>();
  readonly #demands = new Map<string, Demand>();
  readonly #digests: ReadonlyMap<string, string>;
  #rates: ReadonlyMap<string, number> = new Map();
  #ratesAtMs = Number.NEGATIVE_INFINITY;
  #releasesSeen = 0;

  constructor(farm: SimFarm, trace: Trace, builders: readonly SimBuilder[]) {
    this.#farm = farm;
    this.#trace = trace;
    this.#builders = new Map(builders.map((each) => [each.token, each]));
    this.#digests = new Map(builders.map(({ token }) => [token, DIGEST]));
    for (const { token, atMs } of trace.history) this.#countRequest(token, atMs);
  }

  accept(build: SimBuild): void {
    const { builder, client, priority } = build.arrival;
    this.#countRequest(builder.token, this.#farm.nowMs);
    this.#queue.submit(build, builder.token, client, priority);
  }

  lose(build: SimBuild): void {
    this.#queue.putBack(build, build.arrival.builder.token);
  }

  canRun(machine: SimMachine, build: SimBuild): boolean {
    return machine.warm.has(build.arrival.builder.token);
  }

  decide(): void {
    this.#seeReleases();
    while (this.#offer()) {
      // Whoever took a build looks for another one, as its next pull does.
    }
    for (const fetch of planFetches(this.#view(), LIMITS)) {
      const machine = this.#farm.machines.get(fetch.agentId);
      const builder = this.#builders.get(fetch.builder);
      if (!machine || !builder) throw new Error(`no such agent or builder: ${fetch.builder}`);
      const isForWaiting = fetch.reason === 'nobody' || fetch.reason === 'busy';
      this.#farm.fetch(
        machine,
        builder,
        fetch.evict.map((each) => each.builder),
        isForWaiting,
      );
    }
  }

  /** Lets those agents look for work that should. @returns whether any of them took a build. */
  #offer(): boolean {
    if (this.#queue.isEmpty) return false;
    const { waiting, agents } = this.#view();
    let isTaken = false;
    for (const agentId of new Set(matchAgents(waiting, agents).agentIds))
      isTaken = this.#look(agentId) || isTaken;
    return isTaken;
  }

  #look(agentId: string): boolean {
    const { waiting, agents } = this.#view();
    const agent = agents.find((each) => each.agentId === agentId);
    const machine = this.#farm.machines.get(agentId);
    if (!agent || !machine || freeSlots(agent) === 0) return false;
    for (const { builder } of servable(agent, waiting)) {
      const build = this.#queue.claim(builder);
      if (!build) continue;
      this.#farm.start(machine, build);
      return true;
    }
    return false;
  }

  #view(): FarmView {
    const { nowMs, machines, measured } = this.#farm;
    if (nowMs - this.#ratesAtMs >= RATES_MS) {
      this.#ratesAtMs = nowMs;
      this.#rates = new Map([...this.#demands].map(([token, demand]) => [token, ratePerMs(demand, nowMs)]));
    }
    return {
      agents: [...machines.values()].filter(({ isUp }) => isUp).map(viewOf),
      waiting: this.#queue
        .sets()
        .map((set) => ({ ...set, lane: 'open', digest: DIGEST, avoidAgent: undefined })),
      rates: this.#rates,
      timings: measured.timings,
      sizes: measured.sizes,
      usualSizeBytes: median([...measured.sizes.values()]),
      digests: this.#digests,
      pinned: NOTHING,
    };
  }

  #countRequest(token: string, atMs: number): void {
    this.#demands.set(token, countRequest(this.#demands.get(token), atMs));
  }

  #seeReleases(): void {
    const release = this.#trace.releases[this.#releasesSeen];
    if (!release || release.atMs > this.#farm.nowMs) return;
    this.#releasesSeen += 1;
    const expected = expectedDemand({ distro: 'openwrt', ...release }, this.#demands, this.#farm.nowMs);
    for (const [token, demand] of expected) this.#demands.set(token, demand);
  }
}

function viewOf(machine: SimMachine): AgentView {
  const { spec } = machine;
  const taken = (machine.warm.size + machine.fetching.size) * UNPACKED_BYTES;
  return {
    agentId: spec.agentId,
    slots: spec.slots,
    warm: [...machine.warm.keys()].map((builder) => ({ builder, digest: DIGEST, sizeBytes: UNPACKED_BYTES })),
    warming: [...machine.fetching.keys()].map((builder) => ({ builder, digest: DIGEST })),
    running: [...machine.running].map(({ arrival }) => arrival.builder.token),
    loadPerCore: machine.running.size / spec.slots,
    diskFreeBytes: spec.places * UNPACKED_BYTES - taken,
    diskBudgetBytes: spec.places * UNPACKED_BYTES,
    lanes: ['open', 'trusted'],
    draining: false,
    ending: [],
    isSuspect: false,
    paused: [],
  };
}
