import type { NatsConnection } from 'nats';
import { watchSubject } from '../../shared/messages/subjects.ts';

/** What there is more of to see. */
export type NewsOf = 'log' | 'state';

/** Tells whoever watches a build, on any coordinator, that there is more to see. A message may be lost; watchers look by themselves too. */
export class Watch {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  notify(requestHash: string, what: NewsOf): void {
    if (!this.#connection.isClosed()) this.#connection.publish(watchSubject(requestHash), what);
  }

  /** Calls `onNews` after each notification until the returned function is called. */
  subscribe(requestHash: string, onNews: (what: NewsOf) => void): () => void {
    const subscription = this.#connection.subscribe(watchSubject(requestHash), {
      callback: (error, message) => {
        // Who does not say what means anything: coordinators of 0.1 did so.
        if (!error) onNews(message.string() === 'log' ? 'log' : 'state');
      },
    });
    return () => subscription.unsubscribe();
  }
}
