import type { Msg, NatsConnection } from 'nats';
import { builderToken, type PinnedBuilder } from '../../../shared/domain/builder.ts';
import type { Lease } from '../../../shared/domain/lease.ts';
import { PARK_MS, type Pull, PullAnswerSchema } from '../../../shared/messages/pull.ts';
import { inboxPrefix, pullReplySubject, pullSubject } from '../../../shared/messages/subjects.ts';
import { parseJsonAs } from '../../../shared/schema.ts';
import { nowMs } from './now-ms.ts';

/** What fetching and unpacking an ImageBuilder takes here, milliseconds. */
const WARMING_MS = 3_000;
/** A pull not answered for so long is sent again, as agents do. */
const LATE_MS = PARK_MS + 5_000;

export interface BenchAgentOptions {
  readonly connection: NatsConnection;
  readonly agentId: string;
  readonly session: string;
  readonly slots: number;
  readonly warm: readonly PinnedBuilder[];
  /** @param at when the answer came, on the clock of `nowMs`. */
  readonly onTold: (agent: BenchAgent, lease: Lease, at: number) => void;
}

/** An agent as the farm sees one: it pulls, takes what it is given and fetches what it is told to, and builds nothing. */
export class BenchAgent {
  readonly #options: BenchAgentOptions;
  readonly #attempts = new Map<string, Lease>();
  #warm: readonly PinnedBuilder[];
  #warming: readonly PinnedBuilder[] = [];
  #sequence = 0;
  #pulledAt = 0;
  #due: NodeJS.Timeout | undefined;

  constructor(options: BenchAgentOptions) {
    this.#options = options;
    this.#warm = options.warm;
  }

  get heldCount(): number {
    return this.#attempts.size;
  }

  /** Tells the whole state and asks what to do. */
  pull(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    const { connection, agentId, session, slots } = this.#options;
    this.#sequence += 1;
    this.#pulledAt = performance.now();
    const pull: Pull = {
      version: 1,
      agentId,
      session,
      sequence: this.#sequence,
      software: '0.1.0',
      slots,
      attempts: [...this.#attempts.values()],
      warm: [...this.#warm],
      warming: [...this.#warming],
      warmFailures: [],
      loadPerCore: Math.round(Math.random() * 100) / 100,
      diskFreeBytes: 200e9,
      arch: 'x64',
      draining: false,
    };
    connection.publish(pullSubject(agentId), JSON.stringify(pull), {
      reply: pullReplySubject(agentId, session, this.#sequence),
    });
  }

  /** Pulls again when the farm has not answered for longer than it parks a pull. */
  pullIfLate(): void {
    if (this.#due === undefined && performance.now() - this.#pulledAt > LATE_MS) this.pull();
  }

  /** Takes an answer to one of its pulls. */
  receive(message: Msg): void {
    const at = nowMs();
    // Nobody listens yet.
    if (message.headers?.code === 503) {
      this.#pullIn(200);
      return;
    }
    const answer = parseJsonAs(PullAnswerSchema, message.string(), 'answer to a pull');
    const isNewest = message.subject.endsWith(`.${this.#sequence}`);
    const { start, warm } = answer;
    for (const { requestHash } of answer.cancel) this.#attempts.delete(requestHash);
    if (start) {
      this.#attempts.set(start.lease.requestHash, start.lease);
      this.#options.onTold(this, start.lease, at);
    }
    if (warm) this.#fetch({ builder: builderToken(warm), digest: warm.digest });
    if (isNewest || start || warm) this.#pullIn(answer.nextPullMs);
  }

  /** Is done with a build, and says so. */
  end(requestHash: string): void {
    this.#attempts.delete(requestHash);
    this.pull();
  }

  #fetch(wanted: PinnedBuilder): void {
    this.#warming = [...this.#warming, wanted];
    setTimeout(() => {
      this.#warming = this.#warming.filter((each) => each !== wanted);
      // The one it had longest makes room.
      this.#warm = [...this.#warm.slice(1), wanted];
      this.pull();
    }, WARMING_MS);
  }

  #pullIn(ms: number): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    if (ms > 0) this.#due = setTimeout(() => this.pull(), ms);
    else this.pull();
  }
}

/** What all answers to agents of one session come to, one token for each agent. */
export function sessionInbox(session: string): string {
  return `*.${session}.*`;
}

/** The agent an answer is for. */
export function agentOf(subject: string): string {
  return subject.slice(inboxPrefix('').length, subject.indexOf('.'));
}
