import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/**
 * Both ends of a FIFO, for a child's output. The pipes Node makes itself are sockets, and what opens `/dev/stderr` by name,
 * as shell scripts do, fails on a socket.
 */
export interface OutputPipe {
  readonly readable: Readable;
  /** For the child; closed by `release` once it has it. */
  readonly writeDescriptor: number;
  release(): void;
}

/** Opens a FIFO that exists. Who opens it destroys `readable`, which ends when the last writer is gone. */
export function openOutputPipe(path: string): OutputPipe {
  // Not blocking, or this would wait for a writer.
  const readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeDescriptor = openSync(path, constants.O_WRONLY);
  return {
    readable: new Socket({ fd: readDescriptor, readable: true, writable: false }),
    writeDescriptor,
    release: () => closeSync(writeDescriptor),
  };
}
