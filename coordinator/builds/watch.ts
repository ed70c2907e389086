import type { NatsConnection } from 'nats';
import { watchSubject } from '../../shared/messages/subjects.ts';

/** Tells whoever watches a build, on any coordinator, that there is more to see. A message may be lost; watchers look by themselves too. */
export class Watch {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  notify(requestHash: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(watchSubject(requestHash));
  }

  /** Calls `onNews` after each notification until the returned function is called. */
  subscribe(requestHash: string, onNews: () => void): () => void {
    const subscription = this.#connection.subscribe(watchSubject(requestHash), { callback: onNews });
    return () => subscription.unsubscribe();
  }
}
