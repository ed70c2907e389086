import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { DelayLine, type LineQuality } from './delay-line.ts';

/** Each connection and direction has this quality: the delay is half a round trip. */
export interface SlowProxyOptions extends LineQuality {
  /** `host:port` that is reached through it; asked for at each connection where it is a function. */
  readonly target: string | (() => string);
  /** Where it is entered. Default 127.0.0.1. */
  readonly host?: string;
}

/** Which way bytes go: to the target, or back from it. */
export type Direction = 'there' | 'back';

/** A line to a server that is as far away, as narrow and as unreliable as a test wants it. Disposing cuts it. */
export interface SlowProxy extends AsyncDisposable {
  /** `host:port` to use instead of the target. */
  readonly address: string;
  readonly port: number;
  /** Another quality from now on; `{}` for a good line. */
  slow(quality: LineQuality): void;
  /** Bytes that have gone through so far, of all connections. */
  passedBytes(direction: Direction): number;
  /** Resets every connection and accepts no new ones. */
  cut(): void;
  /** Keeps the connections and passes nothing: what a peer sees when a network goes silent. Default: both directions. */
  freeze(direction?: Direction): void;
  /** Ends `cut` and `freeze`; what was held back goes on. */
  heal(): void;
}

export async function startSlowProxy(options: SlowProxyOptions): Promise<SlowProxy> {
  const { target, host = '127.0.0.1' } = options;
  let quality: LineQuality = options;
  const connections = new Set<Connection>();
  const passed = { there: 0, back: 0 };
  const frozen = { there: false, back: false };
  let isCut = false;

  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({
      ...hostAndPort(typeof target === 'string' ? target : target()),
      allowHalfOpen: true,
    });
    const line = (from: Socket, to: Socket, direction: Direction): DelayLine =>
      new DelayLine(from, to, {
        quality: () => quality,
        isFrozen: frozen[direction],
        onPassed: (bytes) => {
          passed[direction] += bytes;
        },
      });
    const connection: Connection = {
      sockets: [near, far],
      lines: { there: line(near, far, 'there'), back: line(far, near, 'back') },
    };
    connections.add(connection);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        if (near.destroyed && far.destroyed) connections.delete(connection);
      });
    }
  });
  server.listen(0, host);
  await once(server, 'listening');

  const each = (act: (line: DelayLine) => void, direction?: Direction): void => {
    for (const { lines } of connections) {
      if (direction !== 'back') act(lines.there);
      if (direction !== 'there') act(lines.back);
    }
  };
  const cut = (): void => {
    isCut = true;
    for (const { sockets } of connections) for (const socket of sockets) socket.resetAndDestroy();
  };
  const { port } = server.address() as AddressInfo;
  return {
    address: `${host}:${port}`,
    port,
    slow: (wanted) => {
      quality = wanted;
    },
    passedBytes: (direction) => passed[direction],
    cut,
    freeze: (direction) => {
      if (direction !== 'back') frozen.there = true;
      if (direction !== 'there') frozen.back = true;
      each((line) => line.freeze(), direction);
    },
    heal: () => {
      isCut = false;
      frozen.there = false;
      frozen.back = false;
      each((line) => line.thaw());
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      if (!server.listening) return;
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(address) ?? [];
  return { host, port: Number(port) };
}

interface Connection {
  readonly sockets: readonly Socket[];
  readonly lines: Readonly<Record<Direction, DelayLine>>;
}
