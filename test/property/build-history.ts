import type * as fc from 'fast-check';
import { expect } from 'vitest';
import { sealCancelled } from '../../coordinator/builds/final-answer.ts';
import { KeeperLock } from '../../coordinator/keeper/keeper-lock.ts';
import { MAX_LOST_ATTEMPTS } from '../../shared/domain/build.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { hasCode } from '../../shared/errors.ts';
import { ACCEPTED_STREAM } from '../../shared/messages/subjects.ts';
import { type BuildFarm, contentOf } from '../support/build-farm.ts';

/* What may happen to builds, and what that should make of them: commands of a model for fast-check. */

/** What should be true of one build. `lost`: accepted, and Redis does not know it. */
export interface BuildModel {
  readonly hash: string;
  readonly generation: string;
  state: 'queued' | 'running' | 'final' | 'lost';
  /** Redis lost it, and it was not granted since: whoever holds a lease of it may go on. */
  isAdoptable: boolean;
  /** The lease that counts while it runs. */
  current: Lease | undefined;
  /** Counted losses since Redis knows it. */
  losses: number;
  /** Key of the attempt whose image is served. */
  winner: string | undefined;
}

export interface Model {
  readonly builds: BuildModel[];
  /** Every lease there ever was, of any build. */
  readonly leases: { readonly lease: Lease; readonly build: BuildModel }[];
}

export type Command = fc.AsyncCommand<Model, BuildFarm>;

let agentCount = 0;

function begin(model: Model, lease: Lease): void {
  const build = model.builds.find(({ hash }) => hash === lease.requestHash);
  if (!build) throw new Error(`nobody asked for ${lease.requestHash}`);
  Object.assign(build, { state: 'running', current: lease, isAdoptable: false });
  model.leases.push({ lease, build });
}

/** Whether a write with this lease is taken, and what that makes of its build. */
function isTaken({ lease, build }: Model['leases'][number]): boolean {
  if (build.isAdoptable && build.generation === lease.generation) {
    Object.assign(build, { state: 'running', current: lease, isAdoptable: false });
    return true;
  }
  return build.state === 'running' && build.current === lease;
}

export class Submit implements Command {
  check(): boolean {
    return true;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    const hash = await real.submit();
    const generation = (await real.builds.builds.get(hash))?.generation ?? '';
    model.builds.push({
      ...{ hash, generation, state: 'queued', isAdoptable: false },
      ...{ current: undefined, losses: 0, winner: undefined },
    });
  }
  toString = (): string => 'submit';
}

export class Claim implements Command {
  check(model: Readonly<Model>): boolean {
    return model.builds.length > 0;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    await real.endDelays();
    agentCount += 1;
    const lease = await real.claim(`agent-${agentCount}`);
    const queued = model.builds.filter(({ state }) => state === 'queued');
    expect(lease !== undefined).toBe(queued.length > 0);
    if (!lease) return;
    expect(queued.map(({ hash }) => hash)).toContain(lease.requestHash);
    const earlier = model.leases.filter((each) => each.lease.requestHash === lease.requestHash);
    for (const each of earlier) expect(attemptKey(each.lease)).not.toBe(attemptKey(lease));
    begin(model, lease);
    expect(await real.builds.attempts.openAttempt(lease, 'stream')).toMatchObject({ status: 'open' });
  }
  toString = (): string => 'claim';
}

/** Something that the holder of a lease does, maybe one that is long over. */
abstract class WithLease implements Command {
  readonly #at: number;
  constructor(at: number) {
    this.#at = at;
  }
  check(model: Readonly<Model>): boolean {
    return model.leases.length > 0;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    const held = model.leases[this.#at % model.leases.length];
    if (!held) return;
    const wasOver = held.build.state === 'final' && held.build.winner === attemptKey(held.lease);
    const taken = isTaken(held);
    const outcome = await this.act(real, held.lease).then(
      () => true,
      (thrown: unknown) => {
        if (!hasCode(thrown, 'lease_lost')) throw thrown;
        return false;
      },
    );
    // The winner may say its end as often as it likes.
    if (!(wasOver && this instanceof Finish)) expect(outcome).toBe(taken);
    if (taken) this.taken(held.build, held.lease);
  }
  abstract act(real: BuildFarm, lease: Lease): Promise<void>;
  taken(_build: BuildModel, _lease: Lease): void {}
  toString(): string {
    return `${this.constructor.name} ${this.#at}`;
  }
}

export class Renew extends WithLease {
  async act(real: BuildFarm, lease: Lease): Promise<void> {
    await real.builds.attempts.renewLease(lease);
  }
}

export class Upload extends WithLease {
  async act(real: BuildFarm, lease: Lease): Promise<void> {
    await real.builds.attempts.requireCurrent(lease);
    await real.upload(lease, contentOf(lease));
  }
}

export class Finish extends WithLease {
  async act(real: BuildFarm, lease: Lease): Promise<void> {
    await real.finish(lease);
  }
  override taken(build: BuildModel, lease: Lease): void {
    Object.assign(build, { state: 'final', current: undefined, winner: attemptKey(lease) });
  }
}

export class Break extends WithLease {
  async act(real: BuildFarm, lease: Lease): Promise<void> {
    const { attempts, ends } = real.builds;
    await attempts.renewLease(lease);
    expect(await ends.lose(lease, 'broken', 'disk full', { lease, breakage: 'disk' })).toBe(true);
  }
  override taken(build: BuildModel): void {
    build.losses += 1;
    build.current = undefined;
    build.state = build.losses >= MAX_LOST_ATTEMPTS ? 'final' : 'queued';
  }
}

export class Expire extends Break {
  override async act(real: BuildFarm, lease: Lease): Promise<void> {
    const { attempts, ends } = real.builds;
    await attempts.renewLease(lease);
    const expiredInTerm = await new KeeperLock(real.redis, 'keeper', 60_000).hold();
    await real.redis.zadd('wrtfarm:leases', 0, attemptKey(lease));
    expect(await ends.lose(lease, 'lease_expired', 'silent', { expiredInTerm: expiredInTerm ?? '' })).toBe(
      true,
    );
  }
}

export class Cancel implements Command {
  readonly #at: number;
  constructor(at: number) {
    this.#at = at;
  }
  check(model: Readonly<Model>): boolean {
    return model.builds.length > 0;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    const build = model.builds[this.#at % model.builds.length];
    if (!build) return;
    // Who looks for a build that Redis lost puts it back.
    const record = await real.builds.service.get(build.hash);
    if (build.state === 'lost') build.state = 'queued';
    if (!record) throw new Error(`${build.hash} is gone`);
    const answer = await real.builds.builds.cancel(record, sealCancelled(record));
    await real.builds.commit.complete(build.hash);
    expect(answer === 'gone').toBe(build.state === 'final');
    if (build.state !== 'final')
      Object.assign(build, { state: 'final', current: undefined, isAdoptable: false });
  }
  toString = (): string => `cancel ${this.#at}`;
}

export class LoseRedis implements Command {
  check(model: Readonly<Model>): boolean {
    return model.builds.length > 0;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    await real.redis.flushall();
    for (const build of model.builds) {
      if (build.state === 'final') continue;
      Object.assign(build, { state: 'lost', isAdoptable: true, current: undefined, losses: 0 });
    }
  }
  toString = (): string => 'lose Redis';
}

export class LoseJetStream implements Command {
  check(): boolean {
    return true;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    // One loss at a time: what only the two of them held is gone with both.
    await new Keep().run(model, real);
    await real.jetstream.ask('lose all', async ({ streams }) => {
      await streams.purge(ACCEPTED_STREAM);
    });
    await new Keep().run(model, real);
  }
  toString = (): string => 'lose JetStream';
}

export class Keep implements Command {
  check(): boolean {
    return true;
  }
  async run(model: Model, real: BuildFarm): Promise<void> {
    await real.repairCopies();
    for (const build of model.builds) if (build.state === 'lost') build.state = 'queued';
  }
  toString = (): string => 'keep';
}
