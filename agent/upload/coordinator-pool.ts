import { credentials } from '@grpc/grpc-js';
import type { AttemptsClient } from '../../proto/generated/wrtfarm/v1/Attempts.ts';
import { loadAttemptProtocol, MAX_MESSAGE_BYTES } from '../../shared/attempt-protocol.ts';

/** Clients of coordinators that live no more are kept, up to this many, for attempts that still hear of them. */
const MAX_FORMER = 8;

/** A coordinator's gRPC client. */
export interface Coordinator {
  readonly address: string;
  readonly client: AttemptsClient;
}

/** gRPC clients of the live coordinators, one a coordinator, shared by all attempts. Disposing closes them. */
export class CoordinatorPool implements AsyncDisposable {
  readonly #clients = new Map<string, Coordinator>();
  readonly #isFixed: boolean;
  #addresses: readonly string[];
  readonly #Client = loadAttemptProtocol().wrtfarm.v1.Attempts;

  /** @param fixed `host:port` addresses to use whatever the farm names; empty to use those it names. */
  constructor(fixed: readonly string[]) {
    this.#addresses = fixed;
    this.#isFixed = fixed.length > 0;
  }

  /** Takes over which coordinators live, best first. Clients of a few others stay open for the attempts that use them. */
  update(addresses: readonly string[]): void {
    if (this.#isFixed || addresses.length === 0) return;
    this.#addresses = addresses;
    const former = [...this.#clients.values()].filter(({ address }) => !addresses.includes(address));
    for (const { address, client } of former.slice(0, -MAX_FORMER)) {
      this.#clients.delete(address);
      client.close();
    }
  }

  /** Clients that are open. */
  get size(): number {
    return this.#clients.size;
  }

  /** The coordinator to use now; undefined while none is known. */
  current(): Coordinator | undefined {
    const [address] = this.#addresses;
    if (address === undefined) return undefined;
    let coordinator = this.#clients.get(address);
    if (!coordinator) {
      coordinator = { address, client: this.#connect(address) };
      this.#clients.set(address, coordinator);
    }
    return coordinator;
  }

  /** A call to this coordinator failed: the others come before it from now on. */
  avoid(coordinator: Coordinator): void {
    if (this.#addresses[0] === coordinator.address) {
      this.#addresses = [...this.#addresses.slice(1), coordinator.address];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.#clients.values()) client.close();
    this.#clients.clear();
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
