import type { BuilderSource, PinnedBuilder } from '../../shared/domain/builder.ts';
import type { AttemptId } from '../../shared/domain/lease.ts';
import type { Grant, Pull } from '../../shared/messages/pull.ts';
import { agentViewOf } from '../agents/agent-view.ts';
import type { AgentView } from '../scheduling/farm-view.ts';

/** What a pull is answered with; everything left out means nothing of the kind. */
export interface Orders {
  readonly start?: Grant;
  readonly warm?: BuilderSource;
  /** What may be removed, for `warm` or without it because the builders take more than they may. */
  readonly evictable?: readonly PinnedBuilder[];
  readonly cancel?: readonly AttemptId[];
  /** Finish what is there and take no more. */
  readonly drain?: boolean;
  /** Pull again, whichever pull is answered. */
  readonly again?: boolean;
}

/** A pull that waits here for something to do. Answered exactly once. */
export class ParkedPull {
  readonly pull: Pull;
  readonly #send: (orders: Orders) => Promise<void>;
  readonly #view: AgentView;
  #state: 'parked' | 'looking' | 'answered' = 'parked';
  /** Another look was asked for during one. */
  #isDue = false;
  #isExpired = false;
  /** Builders whose waiting builds this agent may not take now, until when. */
  readonly #passedOver = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(pull: Pull, send: (orders: Orders) => Promise<void>) {
    this.pull = pull;
    this.#send = send;
    // Which builders its attempts are of does not matter here, only how many they are.
    this.#view = agentViewOf({ pull, running: pull.attempts.map(() => ''), ending: [], isSuspect: false });
  }

  get isAnswered(): boolean {
    return this.#state === 'answered';
  }

  /** The agent as scheduling sees it, without builders whose builds it is to leave to others for now. */
  get view(): AgentView {
    if (this.#passedOver.size === 0) return this.#view;
    const now = performance.now();
    for (const [builder, until] of this.#passedOver) if (until <= now) this.#passedOver.delete(builder);
    return { ...this.#view, warm: this.#view.warm.filter(({ builder }) => !this.#passedOver.has(builder)) };
  }

  /** Leaves a builder's builds to others for a while. */
  passOver(builder: string, forMs: number): void {
    this.#passedOver.set(builder, performance.now() + forMs);
  }

  /** Calls `onEnd` after `parkMs` unless it was answered before. */
  endAfter(parkMs: number, onEnd: () => void): void {
    this.#timer = setTimeout(onEnd, parkMs);
  }

  /**
   * Looks for work for this pull, one look at a time; a look asked for meanwhile follows when this one found nothing.
   * @param look returns what to do, or undefined for nothing yet.
   */
  async serve(look: () => Promise<Orders | undefined>): Promise<void> {
    this.#isDue = true;
    while (this.#isDue && this.#state === 'parked') {
      this.#isDue = false;
      this.#state = 'looking';
      let orders: Orders | undefined;
      try {
        orders = await look();
      } finally {
        if (this.#state === 'looking') this.#state = 'parked';
        if (this.#isExpired && !orders) await this.answer({});
      }
      if (orders) await this.answer(orders);
    }
  }

  /**
   * Sends the answer. A second one is dropped, except a grant or an order to fetch: the lease or the plan is in Redis already, and
   * agents take late answers.
   */
  async answer(orders: Orders): Promise<void> {
    if (this.#state === 'answered' && !orders.start && !orders.warm) return;
    this.forget();
    await this.#send(orders);
  }

  /** Time is up: answers with nothing to do, after the look under way if there is one. */
  async expire(): Promise<void> {
    this.#isExpired = true;
    if (this.#state === 'parked') await this.answer({});
  }

  /** Nobody waits for the answer any more. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#state = 'answered';
  }
}
