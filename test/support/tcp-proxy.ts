import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a line carries bytes, either way. */
export interface LineQuality {
  /** Added to each piece, milliseconds. */
  readonly delayMs?: number;
  readonly bytesPerSecond?: number;
}

/** A line to one TCP server that can be cut and slowed down. Disposing closes it with all its connections. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on; `{}` for a good line. */
  slow(quality: LineQuality): void;
  /** Nothing is carried any more and nobody is told, as when a cable is pulled out. */
  silence(): void;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Whole again. Connections that were cut off stay dead: their ends were told, or their bytes were lost. */
  heal(): void;
}

/** Opens a line to a server on 127.0.0.1. @param target its port, asked for at each connection. @param host where it is entered. */
export async function openTcpProxy(target: () => number, host = '127.0.0.1'): Promise<TcpProxy> {
  let state: 'whole' | 'silent' | 'cut' = 'whole';
  let quality: LineQuality = {};
  const open = new Set<Line>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (inner) => {
    if (state === 'cut') {
      inner.destroy();
      return;
    }
    const line = new Line(inner, target(), {
      isSilent: () => state !== 'whole',
      quality: () => quality,
    });
    open.add(line);
    line.closed.then(() => open.delete(line)).catch(() => undefined);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const destroyAll = (): void => {
    for (const line of open) line.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    slow: (wanted) => {
      quality = wanted;
    },
    silence: () => {
      state = 'silent';
    },
    cut: () => {
      state = 'cut';
      destroyAll();
    },
    heal: () => {
      // What a silent line swallowed is missing from its streams, so they cannot go on.
      if (state === 'silent') destroyAll();
      state = 'whole';
      quality = {};
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      destroyAll();
      await closed;
    },
  };
}

interface LineState {
  isSilent(): boolean;
  quality(): LineQuality;
}

/** One connection, carried both ways. */
class Line {
  readonly closed: Promise<void>;
  readonly #inner: Socket;
  readonly #outer: Socket;

  constructor(inner: Socket, port: number, state: LineState) {
    this.#inner = inner;
    this.#outer = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.closed = Promise.all([
      this.#carry(inner, this.#outer, state),
      this.#carry(this.#outer, inner, state),
    ])
      .then(() => undefined)
      .finally(() => this.destroy());
  }

  destroy(): void {
    this.#inner.destroy();
    this.#outer.destroy();
  }

  async #carry(from: Socket, to: Socket, state: LineState): Promise<void> {
    // Told by the loop's end as well; without a listener it would end the program.
    from.on('error', () => undefined);
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        if (state.isSilent()) continue;
        const { delayMs = 0, bytesPerSecond } = state.quality();
        const waitMs = delayMs + (bytesPerSecond ? (piece.length / bytesPerSecond) * 1_000 : 0);
        if (waitMs > 0) await sleep(waitMs);
        if (state.isSilent()) continue;
        if (!to.write(piece)) await once(to, 'drain');
      }
      to.end();
    } catch {
      this.destroy();
    }
  }
}
