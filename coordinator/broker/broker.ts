import type { Msg, NatsConnection, Subscription } from 'nats';
import type { Lane } from '../../shared/domain/build-spec.ts';
import { type AttemptId, attemptKey, parseAttemptKey } from '../../shared/domain/lease.ts';
import { messageOf } from '../../shared/errors.ts';
import { JointRead } from '../../shared/joint-read.ts';
import { PARK_MS, type Pull } from '../../shared/messages/pull.ts';
import {
  COORDINATORS_QUEUE,
  parseLaneSubject,
  pullReplySubject,
  pullSubject,
} from '../../shared/messages/subjects.ts';
import type { AgentRegistry } from '../agents/agent-registry.ts';
import type { CoordinatorRegistry } from '../agents/coordinator-registry.ts';
import type { AttemptEnds } from '../builds/attempt-ends.ts';
import type { WaitingQueue, WaitingSet } from '../builds/waiting-queue.ts';
import { freeSlots, type WaitingView } from '../scheduling/farm-view.ts';
import { matchAgents, servable } from '../scheduling/placement.ts';
import { Grants, type GrantsDependencies } from './grants.ts';
import { type Orders, ParkedPull } from './parked-pull.ts';
import { pullAnswer, readPull, replySubject } from './pull-message.ts';
import type { WarmPlanner } from './warm-planner.ts';

/** How often parked pulls are compared with what waits, for wake-ups that were lost. */
export const SWEEP_MS = 1_000;
/** An agent whose pull could not be handled, or that is only to make room on its disk, asks again after this. */
const RETRY_MS = 1_000;

export interface BrokerDependencies extends GrantsDependencies {
  readonly connection: NatsConnection;
  readonly waiting: WaitingQueue;
  readonly ends: AttemptEnds;
  readonly agents: AgentRegistry;
  readonly coordinators: CoordinatorRegistry;
  readonly planner: WarmPlanner;
  /** Pulls parked here, and as many that are taken in; more are answered at once, to be tried again, perhaps elsewhere. */
  readonly maxPulls: number;
}

/**
 * Matches agents' pulls with waiting builds: parks each pull, and answers it once there is something to do. Opened by
 * `start`; disposing answers every parked pull, so that agents ask another coordinator at once.
 */
export class Broker implements AsyncDisposable {
  readonly #deps: BrokerDependencies;
  readonly #grants: Grants;
  readonly #sets: JointRead<readonly WaitingSet[]>;
  readonly #parked = new Map<string, ParkedPull>();
  /** Pulls that are being taken in, not parked yet. */
  readonly #taking = new Set<{ readonly agentId: string; isWoken: boolean }>();
  readonly #work = new Set<Promise<void>>();
  /** Subjects of sets that are looked at now, and whether they are to be looked at again. */
  readonly #woken = new Map<string, boolean>();
  readonly #subscriptions: Subscription[] = [];
  #sweeping: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(deps: BrokerDependencies) {
    this.#deps = deps;
    this.#grants = new Grants(deps);
    this.#sets = new JointRead(() => deps.waiting.waitingSets());
  }

  /** Begins to take pulls and wake-ups. */
  start(): void {
    const { connection } = this.#deps;
    const pulls = connection.subscribe(pullSubject('*'), {
      queue: COORDINATORS_QUEUE,
      callback: (error, message) => {
        if (error) return;
        if (this.#work.size >= this.#deps.maxPulls) this.#turnAway(message);
        else this.#own(this.#receive(message));
      },
    });
    const wakes = connection.subscribe('wake.*.*', {
      callback: (error, message) => {
        if (!error) this.#own(this.#wake(message.subject));
      },
    });
    this.#subscriptions.push(pulls, wakes);
    this.#sweeping = setInterval(() => this.#own(this.#sweep()), SWEEP_MS);
  }

  /** Pulls parked here now. */
  get parkedCount(): number {
    return this.#parked.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    clearInterval(this.#sweeping);
    for (const parked of this.#parked.values()) this.#own(parked.expire());
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  async #receive(message: Msg): Promise<void> {
    const reply = replySubject(message);
    if (reply === undefined) return;
    const pull = readPull(message);
    const send = (
      orders: Orders,
      nextPullMs = orders.evictable && !orders.warm ? RETRY_MS : 0,
    ): Promise<void> => this.#send(pull, reply, orders, nextPullMs);
    try {
      await this.#take(pull, send);
    } catch (thrown) {
      await this.#send(pull, reply, {}, RETRY_MS);
      throw thrown;
    }
  }

  async #take(pull: Pull, send: (orders: Orders, nextPullMs?: number) => Promise<void>): Promise<void> {
    const taking = { agentId: pull.agentId, isWoken: false };
    this.#taking.add(taking);
    try {
      const parked = await this.#park(pull, send);
      // What the agent is woken for may have come after its state was looked at.
      if (taking.isWoken) await parked?.answer({});
      else await parked?.serve(() => this.#look(parked));
    } finally {
      this.#taking.delete(taking);
    }
  }

  /** Undefined for a pull that is answered, or not wanted. */
  async #park(
    pull: Pull,
    send: (orders: Orders, nextPullMs?: number) => Promise<void>,
  ): Promise<ParkedPull | undefined> {
    const { agents, ends, planner } = this.#deps;
    const recorded = await agents.record(pull);
    if (!recorded.isNewest) return undefined;
    for (const key of recorded.revoke) {
      const id = parseAttemptKey(key);
      if (id)
        await ends.lose(id, 'agent_restarted', `${pull.agentId} does not know of it any more`, {
          agentId: pull.agentId,
          unlistedBy: pull,
        });
    }
    for (const failed of pull.warmFailures) await planner.noteFailure(pull.agentId, failed);
    if (pull.leaving) {
      await agents.forget(pull.agentId);
      return undefined;
    }
    const other = this.#parked.get(pull.agentId)?.pull;
    // Taking this one in may have lasted longer than the agent's patience.
    if (other && other.session === pull.session && other.sequence > pull.sequence) return undefined;
    this.#parked.get(pull.agentId)?.forget();
    const { isDrained } = recorded;
    if (!other && this.#parked.size >= this.#deps.maxPulls) {
      await send(
        { drain: isDrained, cancel: recorded.cancel.flatMap((key) => parseAttemptKey(key) ?? []) },
        RETRY_MS,
      );
      return undefined;
    }
    const parked = new ParkedPull({ ...pull, draining: pull.draining || isDrained }, (orders) =>
      send({ ...orders, drain: isDrained }),
    );
    const cancel = await this.#unwanted(pull, recorded.cancel);
    if (cancel.length > 0 || this.#isStopping) {
      await parked.answer({ cancel });
      return undefined;
    }
    this.#parked.set(pull.agentId, parked);
    parked.endAfter(PARK_MS, () => this.#own(parked.expire()));
    return parked;
  }

  /** Attempts the farm does not want from an agent, of those that Redis does not know: not what Redis lost. */
  async #unwanted(pull: Pull, keys: readonly string[]): Promise<readonly AttemptId[]> {
    const unwanted: AttemptId[] = [];
    for (const lease of pull.attempts) {
      if (!keys.includes(attemptKey(lease)) || (await this.#deps.attempts.adopt(lease))) continue;
      const { requestHash, generation, attempt } = lease;
      unwanted.push({ requestHash, generation, attempt });
    }
    return unwanted;
  }

  /** Lets every agent pull again, and hear who lives: its pull may be parked at a coordinator that is gone. */
  async callAgents(): Promise<void> {
    for (const { pull, isDrained } of await this.#deps.agents.list()) {
      const parked = this.#parked.get(pull.agentId);
      if (parked?.pull.sequence === pull.sequence) await parked.answer({});
      else
        await this.#send(pull, pullReplySubject(pull.agentId, pull.session, pull.sequence), {
          drain: isDrained,
          again: true,
        });
    }
  }

  async #send(pull: Pull, reply: string, orders: Orders, nextPullMs = 0): Promise<void> {
    const parked = this.#parked.get(pull.agentId)?.pull;
    if (parked?.session === pull.session && parked.sequence === pull.sequence) {
      this.#parked.delete(pull.agentId);
    }
    this.#publish(reply, orders, nextPullMs);
  }

  /** Without looking at what it says: reading it is what there is no room for. */
  #turnAway(message: Msg): void {
    const reply = replySubject(message);
    if (reply !== undefined) this.#publish(reply, {}, RETRY_MS);
  }

  #publish(reply: string, orders: Orders, nextPullMs: number): void {
    const { connection, coordinators } = this.#deps;
    if (connection.isClosed()) return;
    connection.publish(reply, JSON.stringify(pullAnswer(orders, nextPullMs, coordinators.addresses())));
  }

  async #wake(subject: string): Promise<void> {
    const agentId = /^wake\.agent\.(.+)$/.exec(subject)?.[1];
    if (agentId !== undefined) {
      for (const taking of this.#taking) if (taking.agentId === agentId) taking.isWoken = true;
      await this.#parked.get(agentId)?.answer({});
      return;
    }
    const woken = parseLaneSubject(subject);
    if (woken) await this.#lookAt(subject, woken);
  }

  /** Looks at one set at a time; wake-ups that come meanwhile are one more look, however many they are. */
  async #lookAt(subject: string, set: { readonly lane: Lane; readonly builder: string }): Promise<void> {
    const isLooking = this.#woken.has(subject);
    this.#woken.set(subject, isLooking);
    if (isLooking) return;
    try {
      for (let isDue = true; isDue && this.#parked.size > 0; isDue = this.#woken.get(subject) ?? false) {
        this.#woken.set(subject, false);
        await this.#offer(await this.#deps.waiting.waitingSets(set), true);
      }
    } finally {
      this.#woken.delete(subject);
    }
  }

  async #sweep(): Promise<void> {
    if (this.#parked.size === 0) return;
    const forgotten = await this.#deps.agents.unknownOf([...this.#parked.keys()]);
    await Promise.all(forgotten.map((agentId) => this.#parked.get(agentId)?.answer({})));
    if (this.#parked.size > 0) await this.#offer(await this.#sets.get(), false);
  }

  /** Lets those parked pulls look for work that should: no more of them than there are builds, the least loaded first. */
  async #offer(sets: readonly WaitingSet[], isNew: boolean): Promise<void> {
    const parked = [...this.#parked.values()];
    const { agentIds, unmatched } = matchAgents(
      partsOf(sets),
      parked.map(({ view }) => view),
    );
    // A look that is asked for meanwhile reads for itself what waits by then.
    await this.#serve(agentIds, sets);
    if (!isNew || unmatched.length > 0) await this.#serve(await this.#deps.planner.agentsToAsk(isNew));
  }

  async #serve(agentIds: Iterable<string>, sets?: readonly WaitingSet[]): Promise<void> {
    await Promise.all(
      [...new Set(agentIds)].map(async (agentId) => {
        let known = sets;
        const parked = this.#parked.get(agentId);
        await parked?.serve(() => {
          const looked = this.#look(parked, known);
          known = undefined;
          return looked;
        });
      }),
    );
  }

  /** What a pull could do now: the first build in fair order that it is warm for, else a builder to fetch. */
  async #look(parked: ParkedPull, known?: readonly WaitingSet[]): Promise<Orders | undefined> {
    const { view } = parked;
    if (freeSlots(view) > 0) {
      const sets = known ?? (await this.#sets.get());
      for (const set of servable(view, partsOf(sets))) {
        const start = await this.#grants.claim(parked, set);
        if (start) return { start };
        if (parked.isAnswered) return undefined;
      }
    }
    return await this.#deps.planner.ordersFor(parked.pull);
  }

  /** Keeps a promise until it settles; what fails is logged here and healed by the next pull or sweep. */
  #own(work: Promise<void>): void {
    const owned = work
      .catch((thrown: unknown) => this.#deps.log.warn({ reason: messageOf(thrown) }, 'broker step failed'))
      .finally(() => this.#work.delete(owned));
    this.#work.add(owned);
  }
}

function partsOf(sets: readonly WaitingSet[]): readonly WaitingView[] {
  return sets.flatMap(({ parts }) => parts);
}
