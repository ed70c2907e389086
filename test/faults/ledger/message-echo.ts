import { connect, headers, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import { inboxPrefix } from '../../../shared/messages/subjects.ts';
import type { Random } from '../../bench/sim/random.ts';

/** Latest that a copy comes, milliseconds. */
const LATE_MS = 3_000;
/** Share of messages that are said again. */
const SHARE = 0.5;
/** Marks a copy, so that none is copied again. */
const MARK = 'Ledger-Echo';

/**
 * Says again what it hears between the parts of a farm: up to two copies of a message, each after a time of its own, so that
 * later ones come before earlier ones. Disposing stops it; copies that are not due are dropped.
 */
export class MessageEcho implements AsyncDisposable {
  readonly #connection: NatsConnection;
  readonly #random: Random;
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(connection: NatsConnection, random: Random) {
    this.#connection = connection;
    this.#random = random;
  }

  static async open(url: string, agentIds: readonly string[], random: Random): Promise<MessageEcho> {
    const { host, username, password } = new URL(url);
    const connection = await connect({ servers: host, user: username, pass: password, reconnect: false });
    const echo = new MessageEcho(connection, random);
    for (const subject of [
      'jobs.>',
      'wake.>',
      'agent.*.pull',
      ...agentIds.map((id) => `${inboxPrefix(id)}.>`),
    ]) {
      connection.subscribe(subject, { callback: (error, message) => error ?? echo.#hear(message) });
    }
    return echo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#connection.close();
  }

  #hear(message: Msg): void {
    if (message.headers?.has(MARK)) return;
    const { subject, reply, data } = message;
    for (let copy = 0; copy < 2; copy += 1) {
      if (this.#random.next() >= SHARE) continue;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#connection.isClosed()) this.#say(subject, data, reply);
      }, this.#random.next() * LATE_MS);
      this.#timers.add(timer);
    }
  }

  #say(subject: string, data: Uint8Array, reply: string | undefined): void {
    // A job is published for the server to keep, which answers; its answer is nobody's.
    const answersTo = subject.startsWith('jobs.') ? undefined : reply;
    this.#connection.publish(subject, data, {
      headers: marked(),
      ...(answersTo === undefined ? {} : { reply: answersTo }),
    });
  }
}

function marked(): MsgHdrs {
  const made = headers();
  made.set(MARK, '1');
  return made;
}
