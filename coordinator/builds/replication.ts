import type { Redis } from 'ioredis';
import { JointRead } from '../../shared/joint-read.ts';
import type { Log } from '../../shared/log.ts';

/** How long a replica may take to confirm a change before it counts as unconfirmed, milliseconds. */
const CONFIRM_MS = 500;
/** How long what is known of the replicas holds, and how long nobody waits for those that do not confirm, milliseconds. */
const KNOWN_MS = 5_000;
/** What is written only so that its confirmation stands for all that was written before it. */
const MARK_KEY = 'wrtfarm:replicated';

/**
 * Has a replica of Redis confirm changes that must not be lost, where there are replicas: a failover then keeps them. What is not
 * confirmed in time stands all the same; after a failover the second copies on NATS and the leases of agents bring it back.
 */
export class Replication {
  readonly #redis: Redis;
  readonly #log: Log;
  readonly #confirming = new JointRead(() => this.#confirm());
  #hasReplicas = false;
  #isConfirmed = true;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param redis a connection of its own: whatever else went over it would wait for the replicas too. The caller closes it. */
  constructor(redis: Redis, log: Log) {
    this.#redis = redis;
    this.#log = log;
  }

  /** Resolves when a replica has all that was changed before the call, or is not to be waited for. Never rejects. */
  async confirm(): Promise<void> {
    // What Redis cannot tell now it tells the next command; the change itself was made.
    await this.#confirming.get().catch(() => undefined);
  }

  async #confirm(): Promise<void> {
    const isLookDue = performance.now() - this.#lookedAt > KNOWN_MS;
    if (isLookDue) {
      this.#hasReplicas = /^connected_slaves:[1-9]/m.test(await this.#redis.info('replication'));
      this.#lookedAt = performance.now();
    }
    if (!this.#hasReplicas || (!this.#isConfirmed && !isLookDue)) return;
    await this.#redis.set(MARK_KEY, '1');
    const isConfirmed = (await this.#redis.wait(1, CONFIRM_MS)) >= 1;
    if (isConfirmed === this.#isConfirmed) return;
    this.#isConfirmed = isConfirmed;
    if (isConfirmed) this.#log.info({}, 'replicas of Redis confirm changes again');
    else
      this.#log.warn(
        { withinMs: CONFIRM_MS },
        'no replica of Redis confirms changes; a failover now would lose the newest ones',
      );
  }
}
