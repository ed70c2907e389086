import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Cuts off clients that take nothing of what they are sent: each holds a file, or a place among the followers of a build. A
 * client is left alone as long as it takes a buffer full in that time.
 * @param afterMs looked at this often; cut off at the second look.
 */
export function cutStalled(server: Server, afterMs: number): Disposable {
  /** Bytes written to each connection that had some waiting at the last look. */
  let waiting = new Map<Socket, number>();
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  const looking = setInterval(() => {
    const before = waiting;
    waiting = new Map();
    for (const socket of open) {
      if (socket.writableLength === 0) continue;
      const takenBytes = socket.bytesWritten - socket.writableLength;
      if (before.get(socket) === takenBytes) socket.destroy();
      else waiting.set(socket, takenBytes);
    }
  }, afterMs);
  return { [Symbol.dispose]: () => clearInterval(looking) };
}
