import { credentials } from '@grpc/grpc-js';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol, MAX_MESSAGE_BYTES } from '../../shared/attempt-protocol.ts';

/**
 * A coordinator that the farm names no more is kept for this long, as a last resort, and until it fails: longer than a living one is
 * left out because it has just come back. Milliseconds.
 */
const FORMER_MS = 60_000;
/** As many of them at most. */
const MAX_FORMER = 8;
/** For this long a coordinator that failed comes after the others, whoever the farm names first, milliseconds. */
const AVOID_MS = 10_000;

/** A coordinator's gRPC client. */
export interface Coordinator {
  readonly address: string;
  readonly client: AttemptsClient;
}

export interface CoordinatorPoolConfig {
  /** `host:port` addresses to use whatever the farm names. Default: those it names. */
  readonly fixed?: readonly string[];
  /** Told when a coordinator fails that did not fail lately: the farm may know others. */
  readonly onFailure?: () => void;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/**
 * gRPC clients of the coordinators, one a coordinator, shared by all attempts. Those that the farm named before come after those
 * it names now: it learns of a new one, and of one that is back, only by and by. Disposing closes all clients.
 */
export class CoordinatorPool implements AsyncDisposable {
  readonly #clients = new Map<string, Coordinator>();
  readonly #isFixed: boolean;
  readonly #onFailure: () => void;
  readonly #now: () => number;
  #named: readonly string[];
  /** Address → until when it is kept; the last one named first. */
  #former: ReadonlyMap<string, number> = new Map();
  /** Address → until when it is avoided; the one that failed last is last. */
  readonly #failed = new Map<string, number>();
  readonly #Client = loadAttemptProtocol().wrtfarm.v1.Attempts;

  constructor({ fixed = [], onFailure, now }: CoordinatorPoolConfig = {}) {
    this.#named = fixed;
    this.#isFixed = fixed.length > 0;
    this.#onFailure = onFailure ?? (() => undefined);
    this.#now = now ?? (() => performance.now());
  }

  /** Takes over which coordinators live, best first. */
  update(addresses: readonly string[]): void {
    if (this.#isFixed || addresses.length === 0) return;
    const now = this.#now();
    const left = this.#named.map((address) => [address, now + FORMER_MS] as const);
    const former = new Map([...left, ...[...this.#former].filter(([, until]) => until > now)]);
    for (const address of addresses) former.delete(address);
    this.#named = addresses;
    this.#former = new Map([...former].slice(0, MAX_FORMER));
    this.#closeUnknown();
  }

  /** Clients that are open. */
  get size(): number {
    return this.#clients.size;
  }

  /** The coordinator to use now; undefined while none is known. Of those that failed, the one that did so first. */
  current(): Coordinator | undefined {
    const failed = this.#failing();
    const [address] = this.#known().sort((one, other) => failed.indexOf(one) - failed.indexOf(other));
    if (address === undefined) return undefined;
    let coordinator = this.#clients.get(address);
    if (!coordinator) {
      coordinator = { address, client: this.#connect(address) };
      this.#clients.set(address, coordinator);
    }
    return coordinator;
  }

  /** A call to this coordinator failed: the others come before it for a while. */
  avoid({ address }: Coordinator): void {
    if (!this.#named.includes(address)) {
      this.#former = new Map([...this.#former].filter(([former]) => former !== address));
      return;
    }
    const isNews = !this.#failing().includes(address);
    this.#failed.delete(address);
    this.#failed.set(address, this.#now() + AVOID_MS);
    if (isNews) this.#onFailure();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** Those that are named, then those that were a moment ago. */
  #known(): string[] {
    const now = this.#now();
    const former = [...this.#former].filter(([, until]) => until > now);
    return [...this.#named, ...former.map(([address]) => address)];
  }

  /** Attempts that still use a client that is closed go on with another one. */
  #closeUnknown(): void {
    const known = this.#known();
    for (const [address, { client }] of this.#clients) {
      if (known.includes(address)) continue;
      this.#clients.delete(address);
      client.close();
    }
  }

  /** In the order in which they failed. */
  #failing(): readonly string[] {
    const now = this.#now();
    for (const [address, until] of this.#failed) if (until <= now) this.#failed.delete(address);
    return [...this.#failed.keys()];
  }

  #connect(address: string): AttemptsClient {
    return new this.#Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // A coordinator that hangs is left well before the lease of an attempt ends.
      'grpc.keepalive_time_ms': 4_000,
      'grpc.keepalive_timeout_ms': 3_000,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    });
  }
}
