import { type JetStreamManager, type NatsConnection, NatsError, type StoredMsg } from 'nats';
import { FarmError, messageOf } from '../../shared/errors.ts';

/** A publish or request that takes longer counts as failed; the keeper repeats what matters. */
export const REQUEST_MS = 2_000;

type StreamConfig = Parameters<JetStreamManager['streams']['add']>[0];

/** "wrong last sequence". Source: JSStreamWrongLastSequenceErrF in nats-server's errors.json. */
const WRONG_LAST_SEQUENCE = 10071;

/** JetStream as the queue asks it: failures are FarmError `unavailable` that say what was not done. Ends with the connection. */
export class JetStream {
  readonly connection: NatsConnection;
  #manager: JetStreamManager | undefined;
  #isConnected = true;

  constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  /** The server is away: calls fail at once, instead of when their time is up. */
  disconnected(): void {
    this.#isConnected = false;
  }

  reconnected(): void {
    this.#isConnected = true;
  }

  /** @param what completes "NATS did not …". */
  async ask<T>(what: string, work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    if (!this.#isConnected) throw new FarmError('unavailable', `NATS is away and did not ${what}`);
    try {
      this.#manager ??= await this.connection.jetstreamManager({ timeout: REQUEST_MS, checkAPI: false });
      return await work(this.#manager);
    } catch (cause) {
      if (cause instanceof FarmError) throw cause;
      throw new FarmError('unavailable', `NATS did not ${what}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Makes a stream where it is missing. */
  async ensureStream(config: StreamConfig): Promise<void> {
    const name = config.name ?? '';
    await this.ask(`make the stream ${name}`, async ({ streams }) => {
      await streams.info(name).catch(async (thrown: unknown) => {
        if (!isNotFound(thrown)) throw thrown;
        await streams.add(config);
      });
    });
  }

  /** @param messageId a second publish with the same id within two minutes is dropped. */
  async publish(subject: string, message: object, messageId?: string): Promise<void> {
    await this.ask(`publish to ${subject}`, async () => {
      await this.connection
        .jetstream({ timeout: REQUEST_MS })
        .publish(subject, JSON.stringify(message), messageId === undefined ? {} : { msgID: messageId });
    });
  }

  /**
   * Publishes where the last message of the subject is still the one of this sequence; 0 for none.
   * @returns false where it is another one.
   */
  async publishAfter(subject: string, message: object, lastSequence: number): Promise<boolean> {
    return await this.ask(`publish to ${subject}`, async () => {
      return await this.connection
        .jetstream({ timeout: REQUEST_MS })
        .publish(subject, JSON.stringify(message), { expect: { lastSubjectSequence: lastSequence } })
        .then(() => true)
        .catch((thrown: unknown) => {
          if (errorCode(thrown) !== WRONG_LAST_SEQUENCE) throw thrown;
          return false;
        });
    });
  }
}

/**
 * The first message of a subject, found by going through the stream. After a kill, nats-server 2.9.10 may hold and count a message
 * that it finds by its sequence alone: not as the last one of its subject, nor when the subject is purged.
 */
export async function firstOf(
  { streams }: Pick<JetStreamManager, 'streams'>,
  stream: string,
  subject: string,
): Promise<StoredMsg | undefined> {
  // The server knows it (STREAM.MSG.GET, since 2.9), the client's type does not.
  const query = { seq: 1, next_by_subj: subject };
  return await streams.getMessage(stream, query).catch((thrown: unknown) => {
    if (!isNotFound(thrown)) throw thrown;
    return undefined;
  });
}

function errorCode(thrown: unknown): number | undefined {
  return thrown instanceof NatsError ? thrown.api_error?.err_code : undefined;
}

/** Whether the server says that there is no such stream or message. */
export function isNotFound(thrown: unknown): boolean {
  return thrown instanceof NatsError && thrown.api_error?.code === 404;
}
