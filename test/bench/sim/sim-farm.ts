import { EventQueue } from './event-queue.ts';
import { Measured } from './measured.ts';
import { factorAround1, type Random, seededRandom } from './random.ts';
import { type Arrival, type SimAgent, type SimBuilder, type Trace, UNPACKED_BYTES } from './workload.ts';

/** A build of the simulation, from its acceptance to its end. */
export interface SimBuild {
  readonly arrival: Arrival;
  /** When it had a slot and its builder. */
  startedAtMs: number | undefined;
  doneAtMs: number | undefined;
  /** Whether it began on a copy that was there anyway, and not on one that was fetched for it. */
  isWarmHit: boolean;
  /** Whether its builder was warm anywhere when it was accepted. */
  readonly wasWarmSomewhere: boolean;
  /** The flooder's builds that began after its acceptance on a machine that could have run it. */
  overtakenBy: number;
}

/** A machine of the simulation. */
export interface SimMachine {
  readonly spec: SimAgent;
  isUp: boolean;
  /** Rises each time it is switched off: what began before does not end any more. */
  life: number;
  /** Warm builders; `isUnused` until the first build runs on a copy that was fetched because builds waited. */
  readonly warm: Map<string, { isUnused: boolean; usedAtMs: number }>;
  readonly fetching: Map<string, { readonly readyAtMs: number }>;
  readonly running: Set<SimBuild>;
}

/** Decides; everything it wants done it asks of the farm. */
export interface Policy {
  accept(build: SimBuild): void;
  /** Its machine went away: it waits again, in its old place. */
  lose(build: SimBuild): void;
  /** Called after everything that happens, and every few seconds. */
  decide(): void;
  canRun(machine: SimMachine, build: SimBuild): boolean;
}

/** A lost machine is noticed after this, milliseconds (a closed stream's grace). */
const NOTICE_MS = 3_000;
const TICK_MS = 15_000;

/** Machines, time and what really happens; the same trace and seed give the same run. */
export class SimFarm {
  readonly machines: ReadonlyMap<string, SimMachine>;
  readonly builds: SimBuild[] = [];
  readonly measured = new Measured();
  readonly #events = new EventQueue();
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #othersWaiting = new Set<SimBuild>();
  #policy: Policy | undefined;
  #open = 0;
  nowMs = 0;
  fetchedBytes = 0;
  fetchCount = 0;

  constructor(trace: Trace, seed: number) {
    this.#trace = trace;
    this.#random = seededRandom(seed + 3);
    this.machines = new Map(
      trace.agents.map((spec): [string, SimMachine] => [
        spec.agentId,
        { spec, isUp: true, life: 0, warm: new Map(), fetching: new Map(), running: new Set() },
      ]),
    );
  }

  /** Plays the trace until every build is done. */
  run(policy: Policy): void {
    this.#policy = policy;
    this.#nextArrival(0);
    for (const change of this.#trace.changes)
      this.#events.put(change.atMs, () => this.#change(change.agentId, change.kind));
    this.#tick();
    for (let event = this.#events.take(); event; event = this.#events.take()) {
      this.nowMs = event.atMs;
      event.run();
      policy.decide();
    }
    if (this.builds.some(({ doneAtMs }) => doneAtMs === undefined))
      throw new Error(`${this.#trace.name}: builds were never done`);
  }

  /** Begins a build. A cold one holds its slot while the builder is fetched first; `keep` says whether that then stays. */
  start(machine: SimMachine, build: SimBuild, cold: 'warm' | 'keep' | 'throw-away' = 'warm'): void {
    const { token } = build.arrival.builder;
    if (machine.running.size >= machine.spec.slots || !machine.isUp)
      throw new Error('a build was started without a free slot');
    const copy = machine.warm.get(token);
    if (cold === 'warm' && !copy) throw new Error('a build was started without its builder');
    machine.running.add(build);
    build.isWarmHit = cold === 'warm' && build.wasWarmSomewhere && !copy?.isUnused;
    this.#othersWaiting.delete(build);
    if (copy) Object.assign(copy, { isUnused: false, usedAtMs: this.nowMs });
    this.#countOvertaken(machine, build);
    const fetchMs = cold === 'warm' ? 0 : this.#transfer(machine, build.arrival.builder);
    build.startedAtMs = this.nowMs + fetchMs;
    const buildMs = build.arrival.builder.buildMs * build.arrival.buildFactor;
    const { life } = machine;
    if (cold === 'keep')
      this.#events.put(this.nowMs + fetchMs, () => {
        if (machine.life === life) machine.warm.set(token, { isUnused: false, usedAtMs: this.nowMs });
      });
    this.#events.put(this.nowMs + fetchMs + buildMs, () => {
      if (machine.life !== life) return;
      machine.running.delete(build);
      build.doneAtMs = this.nowMs;
      this.#open -= 1;
      this.measured.noteBuild(token, buildMs);
    });
  }

  /** Begins to fetch a builder beside what runs. */
  fetch(machine: SimMachine, builder: SimBuilder, evict: readonly string[], isForWaiting: boolean): void {
    for (const token of evict) this.evict(machine, token);
    if (machine.warm.size + machine.fetching.size >= machine.spec.places)
      throw new Error('a builder was fetched onto a full disk');
    const fetchMs = this.#transfer(machine, builder);
    const readyAtMs = this.nowMs + fetchMs;
    machine.fetching.set(builder.token, { readyAtMs });
    const { life } = machine;
    this.#events.put(readyAtMs, () => {
      if (machine.life !== life) return;
      machine.fetching.delete(builder.token);
      machine.warm.set(builder.token, { isUnused: isForWaiting, usedAtMs: this.nowMs });
      this.measured.noteFetch(machine.spec.agentId, builder.token, fetchMs, UNPACKED_BYTES);
    });
  }

  evict(machine: SimMachine, token: string): void {
    if ([...machine.running].some(({ arrival }) => arrival.builder.token === token))
      throw new Error('a builder was removed under a build');
    if (!machine.warm.delete(token)) throw new Error('a builder was removed that is not there');
  }

  #nextArrival(at: number): void {
    const arrival = this.#trace.arrivals[at];
    if (!arrival) return;
    this.#events.put(arrival.atMs, () => {
      this.#nextArrival(at + 1);
      const { token } = arrival.builder;
      const build: SimBuild = {
        arrival,
        startedAtMs: undefined,
        doneAtMs: undefined,
        isWarmHit: false,
        wasWarmSomewhere: [...this.machines.values()].some(({ isUp, warm }) => isUp && warm.has(token)),
        overtakenBy: 0,
      };
      this.builds.push(build);
      this.#open += 1;
      if (arrival.client !== this.#trace.flooder) this.#othersWaiting.add(build);
      this.#policy?.accept(build);
    });
  }

  #change(agentId: string, kind: 'join' | 'join-empty' | 'leave'): void {
    const machine = this.machines.get(agentId);
    if (!machine) return;
    machine.isUp = kind !== 'leave';
    if (kind === 'join-empty') machine.warm.clear();
    if (kind !== 'leave') return;
    machine.life += 1;
    machine.fetching.clear();
    const lost = [...machine.running];
    machine.running.clear();
    this.#events.put(this.nowMs + NOTICE_MS, () => {
      for (const build of lost) {
        build.startedAtMs = undefined;
        this.#policy?.lose(build);
      }
    });
  }

  #tick(): void {
    this.#events.put(this.nowMs + TICK_MS, () => {
      if (this.#open > 0 || this.builds.length < this.#trace.arrivals.length) this.#tick();
    });
  }

  #transfer(machine: SimMachine, builder: SimBuilder): number {
    this.fetchedBytes += builder.archiveBytes;
    this.fetchCount += 1;
    return builder.fetchMs * machine.spec.fetchFactor * factorAround1(this.#random, 0.1);
  }

  #countOvertaken(machine: SimMachine, build: SimBuild): void {
    if (build.arrival.client !== this.#trace.flooder) return;
    for (const other of this.#othersWaiting) if (this.#policy?.canRun(machine, other)) other.overtakenBy += 1;
  }
}
