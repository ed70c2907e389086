import { randomBytes } from 'node:crypto';
import type { NatsConnection } from 'nats';
import { systemClock } from '../../shared/clock.ts';
import type { PullAnswer } from '../../shared/messages/pull.ts';
import { inboxPrefix, pullReplySubject, pullSubject } from '../../shared/messages/subjects.ts';
import { connectNats } from '../../shared/nats-connection.ts';

/** What every agent ever said in its pulls, beside who it is; nothing that came later. */
const FIRST_STATE = {
  version: 1,
  software: '0.1.0',
  slots: 1,
  attempts: [],
  warm: [],
  warming: [],
  warmFailures: [],
  loadPerCore: 0,
  diskFreeBytes: 1e12,
  draining: false,
};

/** An agent that is its pulls and nothing more: it says what it is told to say, and does nothing. */
export class WireAgent implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #agentId: string;
  readonly #session = randomBytes(16).toString('hex');
  #sequence = 0;

  private constructor(connection: NatsConnection, agentId: string) {
    this.#connection = connection;
    this.#agentId = agentId;
  }

  static async start(nats: string, agentId: string): Promise<WireAgent> {
    const connection = await connectNats({
      url: nats,
      name: agentId,
      inboxPrefix: inboxPrefix(agentId),
      clock: systemClock,
    });
    return new WireAgent(connection, agentId);
  }

  /** Pulls until an answer is what is wanted. @param state as JSON, over what the first agents said. */
  async pullUntil(
    state: Readonly<Record<string, unknown>>,
    isWanted: (answer: PullAnswer) => boolean,
  ): Promise<PullAnswer> {
    const answers = this.#connection.subscribe(`${inboxPrefix(this.#agentId)}.${this.#session}.*`);
    this.#pull(state);
    for await (const message of answers) {
      const answer = message.json<PullAnswer>();
      if (isWanted(answer)) {
        answers.unsubscribe();
        return answer;
      }
      await systemClock.sleep(answer.nextPullMs);
      this.#pull(state);
    }
    throw new Error('the connection was closed');
  }

  #pull(state: Readonly<Record<string, unknown>>): void {
    this.#sequence += 1;
    const [agentId, session, sequence] = [this.#agentId, this.#session, this.#sequence];
    const pull = { ...FIRST_STATE, agentId, session, sequence, ...state };
    this.#connection.publish(pullSubject(agentId), JSON.stringify(pull), {
      reply: pullReplySubject(agentId, session, sequence),
    });
  }

  /** Says goodbye, so that the farm counts on it no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#pull({ leaving: true });
    await this.#connection.flush();
    await this.#connection.close();
  }
}
