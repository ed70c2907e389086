import { randomBytes } from 'node:crypto';
import type { Msg, NatsConnection } from 'nats';
import type { Clock } from '../../shared/clock.ts';
import type { BuilderSource, PinnedBuilder } from '../../shared/domain/builder.ts';
import type { AttemptId } from '../../shared/domain/lease.ts';
import { FarmError, messageOf } from '../../shared/errors.ts';
import { runLoop } from '../../shared/lifecycle.ts';
import type { Log } from '../../shared/log.ts';
import {
  type Grant,
  PARK_MS,
  type Pull,
  type PullAnswer,
  PullAnswerSchema,
} from '../../shared/messages/pull.ts';
import { inboxPrefix, pullReplySubject, pullSubject } from '../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../shared/schema.ts';
import { type AgentFacts, type AgentIdentity, composePull } from './compose-pull.ts';
import type { Intake } from './intake.ts';

/** A pull not answered within the park time and this is sent again. */
const LATE_MS = 5_000;
/** Changes within this time become one pull. */
const SETTLE_MS = 20;

/** What an answer asks for. Neither call waits for the work to be done. */
export interface AgentDuties {
  start(grant: Grant): void;
  /** @param evictable what may be removed to make room for it, in this order. */
  warm(source: BuilderSource, evictable: readonly PinnedBuilder[]): void;
  /** Removes builders in this order until the rest takes no more than it may. */
  shrink(evictable: readonly PinnedBuilder[]): void;
  cancel(attempts: readonly AttemptId[]): void;
  useCoordinators(addresses: readonly string[]): void;
}

export interface PullLoopDependencies {
  readonly connection: Pick<NatsConnection, 'publish' | 'subscribe' | 'flush'>;
  readonly facts: AgentFacts;
  readonly intake: Pick<Intake, 'look'>;
  readonly duties: AgentDuties;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps one pull open: tells the whole state, does what the answer says, pulls again. A change of state pulls at once, and
 * an answer is taken whichever pull it belongs to: a grant in it is a lease already.
 */
export class PullLoop {
  readonly #deps: PullLoopDependencies;
  readonly #identity: AgentIdentity;
  #sequence = 0;
  #isChanged = false;
  /** The operator lets this agent take no more work. */
  #isDrained = false;
  #wake: (() => void) | undefined;
  #answered: ((answer: PullAnswer | undefined) => void) | undefined;

  constructor(deps: PullLoopDependencies, identity: Omit<AgentIdentity, 'session'>) {
    this.#deps = deps;
    this.#identity = { ...identity, session: randomBytes(16).toString('hex') };
  }

  /** The agent's state changed: the next pull goes out now. */
  changed(): void {
    this.#isChanged = true;
    this.#wake?.();
  }

  /** Pulls until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { connection, clock, log } = this.#deps;
    const inbox = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (!error) this.#receive(message);
      },
    });
    const stop = (): void => this.changed();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await runLoop(() => this.#step(), {
        signal,
        clock,
        backoff: { minMs: 200, maxMs: 3_000 },
        onError: (thrown) => log.debug({ reason: messageOf(thrown) }, 'pull not answered'),
      });
    } finally {
      signal.removeEventListener('abort', stop);
      inbox.unsubscribe();
    }
  }

  /** Tells the farm that this agent is gone, without waiting for an answer. */
  async sayGoodbye(): Promise<void> {
    await this.#send({ leaving: true });
    await this.#deps.connection.flush();
  }

  get #inbox(): string {
    return `${inboxPrefix(this.#identity.agentId)}.${this.#identity.session}`;
  }

  async #step(): Promise<number> {
    this.#isChanged = false;
    const answered = new Promise<PullAnswer | undefined>((resolve) => {
      this.#answered = resolve;
    });
    await this.#send();
    const answer = await this.#until(answered);
    if (answer === 'late') throw new FarmError('unavailable', 'no coordinator answered');
    if (answer === 'changed') return SETTLE_MS;
    if (!answer) throw new FarmError('unavailable', 'no coordinator listens');
    return answer.nextPullMs;
  }

  async #until(
    answered: Promise<PullAnswer | undefined>,
  ): Promise<PullAnswer | undefined | 'changed' | 'late'> {
    const waiting = new AbortController();
    const changed = new Promise<'changed'>((resolve) => {
      this.#wake = () => resolve('changed');
      if (this.#isChanged) resolve('changed');
    });
    const late = this.#deps.clock
      .sleep(PARK_MS + LATE_MS, waiting.signal)
      .then(() => 'late' as const)
      .catch(() => 'late' as const);
    try {
      return await Promise.race([answered, changed, late]);
    } finally {
      waiting.abort();
      this.#wake = undefined;
      this.#answered = undefined;
    }
  }

  async #send(more: Pick<Pull, 'leaving'> = {}): Promise<void> {
    const { connection, facts, intake } = this.#deps;
    const { agentId, session } = this.#identity;
    const view = await intake.look();
    this.#sequence += 1;
    const pull: Pull = { ...composePull(this.#identity, this.#sequence, facts, view), ...more };
    connection.publish(pullSubject(agentId), JSON.stringify(pull), {
      reply: pullReplySubject(agentId, session, this.#sequence),
    });
  }

  #receive(message: Msg): void {
    const isNewest = message.subject.endsWith(`.${this.#sequence}`);
    if (message.headers?.code === 503) {
      if (isNewest) this.#answered?.(undefined);
      return;
    }
    try {
      const answer = parseJsonAs(PullAnswerSchema, message.string(), 'answer to a pull');
      this.#obey(answer);
      if (isNewest) this.#answered?.(answer);
      else if (answer.again) this.changed();
    } catch (thrown) {
      this.#deps.log.warn({ reason: messageOf(thrown) }, 'an answer to a pull was not understood');
    }
  }

  #obey(answer: PullAnswer): void {
    const { duties } = this.#deps;
    this.#noteDrain(answer);
    duties.useCoordinators(answer.coordinators);
    if (answer.cancel.length > 0) duties.cancel(answer.cancel);
    if (answer.start) duties.start(answer.start);
    if (answer.warm) duties.warm(answer.warm, answer.evictable ?? []);
    else if (answer.evictable) duties.shrink(answer.evictable);
  }

  /** The farm itself gives a drained agent nothing; whoever lends the machine is told why it is idle. */
  #noteDrain({ drain, nextPullMs }: PullAnswer): void {
    // A coordinator that wants to be asked later could not look, and does not know.
    if (drain === this.#isDrained || (!drain && nextPullMs > 0)) return;
    this.#isDrained = drain;
    const told = drain
      ? 'the operator drains this agent: it finishes what it has and takes no new work'
      : 'the operator lets this agent take work again';
    this.#deps.log.info({ isDrained: drain }, told);
  }
}
