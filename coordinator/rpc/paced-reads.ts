import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerReadableStream,
} from '@grpc/grpc-js';

/** Messages of a call that are here and not done with: the one at work, and the next. */
const MAX_AHEAD = 2;

type Call = ConstructorParameters<typeof ServerInterceptingCall>[0];

/**
 * Lets calls that bring a stream of messages be read no faster than their messages are dealt with. The stream @grpc/grpc-js hands
 * out reads sixteen messages ahead whatever its reader does; what is not read stays in http2's window, and then with the client.
 */
export class PacedReads {
  /** The call of a stream: both know the same metadata, and nothing else in common. */
  readonly #calls = new WeakMap<Metadata, PacedCall>();

  /** To be given to the server; the other calls pass untouched. */
  readonly interceptor: ServerInterceptor = (method, call) =>
    method.requestStream && !method.responseStream
      ? new PacedCall(call, this.#calls)
      : new ServerInterceptingCall(call);

  /** The messages of a call. Each is dealt with when the next is asked for. */
  async *messages<T>(call: ServerReadableStream<T, unknown>): AsyncGenerator<T> {
    const paced = this.#calls.get(call.metadata);
    for await (const message of call as AsyncIterable<T>) {
      yield message;
      paced?.done();
    }
  }
}

class PacedCall extends ServerInterceptingCall {
  #ahead = 0;
  #isWanted = false;

  constructor(call: Call, calls: WeakMap<Metadata, PacedCall>) {
    super(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, pass) => {
            calls.set(metadata, this);
            pass(metadata);
          },
        }),
    });
  }

  override startRead(): void {
    if (this.#ahead >= MAX_AHEAD) {
      this.#isWanted = true;
      return;
    }
    this.#ahead += 1;
    super.startRead();
  }

  done(): void {
    this.#ahead -= 1;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.startRead();
  }
}
