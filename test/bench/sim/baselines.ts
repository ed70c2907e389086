import { type Random, seededRandom } from './random.ts';
import type { Policy, SimBuild, SimFarm, SimMachine } from './sim-farm.ts';

/**
 * One queue for all, first come first served, and the next free slot takes what is first, whatever it has.
 * `fifo`: as asu does it, every build fetches and unpacks its builder (openwrt/asu#1534). `random`: the machine is drawn among those with
 * a free slot; it keeps the builders it used last, as many as its disk holds.
 */
export class FirstFree implements Policy {
  readonly #farm: SimFarm;
  readonly #way: 'fifo' | 'random';
  readonly #random: Random;
  #queue: SimBuild[] = [];
  #at = 0;

  constructor(farm: SimFarm, way: 'fifo' | 'random', seed: number) {
    this.#farm = farm;
    this.#way = way;
    this.#random = seededRandom(seed + 4);
  }

  accept(build: SimBuild): void {
    this.#queue.push(build);
  }

  lose(build: SimBuild): void {
    this.#queue = [build, ...this.#queue.slice(this.#at)];
    this.#at = 0;
  }

  canRun(): boolean {
    return true;
  }

  decide(): void {
    for (;;) {
      const build = this.#queue[this.#at];
      const free = [...this.#farm.machines.values()].filter(
        ({ isUp, running, spec }) => isUp && running.size < spec.slots,
      );
      const drawn = this.#way === 'fifo' ? 0 : Math.floor(this.#random.next() * free.length);
      const machine = free[drawn];
      if (!build || !machine) return;
      this.#at += 1;
      this.#start(machine, build);
    }
  }

  #start(machine: SimMachine, build: SimBuild): void {
    if (this.#way === 'fifo') this.#farm.start(machine, build, 'throw-away');
    else if (machine.warm.has(build.arrival.builder.token)) this.#farm.start(machine, build);
    else {
      this.#makeRoom(machine);
      this.#farm.start(machine, build, 'keep');
    }
  }

  /** Removes what was used longest ago. The builders of what runs are kept, whether already warm or still coming. */
  #makeRoom(machine: SimMachine): void {
    const inUse = new Set([...machine.running].map(({ arrival }) => arrival.builder.token));
    const coming = [...inUse].filter((token) => !machine.warm.has(token)).length;
    const idle = [...machine.warm].filter(([token]) => !inUse.has(token));
    idle.sort(([, left], [, right]) => left.usedAtMs - right.usedAtMs);
    for (const [token] of idle) {
      if (machine.warm.size + coming < machine.spec.places) return;
      this.#farm.evict(machine, token);
    }
  }
}
