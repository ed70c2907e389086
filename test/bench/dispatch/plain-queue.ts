import { AckPolicy, type NatsConnection, RetentionPolicy, StorageType } from 'nats';
import { nowMs } from './now-ms.ts';

/* A work queue with nothing around it: what JetStream alone takes from publishing a message until somebody who waits has it. */

const STREAM = 'PLAIN';
const CONSUMER = 'plain';
const SUBJECT = 'plain.job';

/** Makes the queue and fetches from it, one message at a time, until the connection is closed. */
export async function followPlainQueue(
  connection: NatsConnection,
  fetched: { note(id: string, at: number): void },
): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({
    name: STREAM,
    subjects: [SUBJECT],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
  });
  await manager.consumers.add(STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit });
  const consumer = await connection.jetstream().consumers.get(STREAM, CONSUMER);
  const follow = async (): Promise<void> => {
    while (!connection.isClosed()) {
      const message = await consumer.next({ expires: 30_000 });
      if (!message) continue;
      fetched.note(message.json<{ id: string }>().id, nowMs());
      message.ack();
    }
  };
  follow().catch((thrown: unknown) => {
    if (!connection.isClosed()) console.error(thrown);
  });
}

/** @param id is told to who fetches it. @returns when publishing began, on the clock of `nowMs`. */
export async function publishPlain(connection: NatsConnection, id: string): Promise<number> {
  const at = nowMs();
  await connection
    .jetstream()
    .publish(SUBJECT, JSON.stringify({ id, generation: '0'.repeat(32) }), { msgID: id });
  return at;
}
