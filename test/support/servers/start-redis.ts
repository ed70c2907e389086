import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from '../eventually.ts';
import { type ServerProcess, startProcess } from './child.ts';

/** A redis-server with an append-only file, on loopback. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL, then the same port and files again. */
  crash(): Promise<void>;
  /** SIGKILL, then the same port and nothing of what it held. */
  wipe(): Promise<void>;
  /** SIGSTOP: connections stand, nothing is answered. Until `thaw`. */
  freeze(): void;
  thaw(): void;
}

export async function startRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let server: ServerProcess | undefined;
  const start = async (): Promise<void> => {
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--appendonly',
      'yes',
      '--save',
      '',
    ];
    server = startProcess('redis-server', args, join(folder, 'log'));
    await eventually(async () => {
      const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
      probe.on('error', () => undefined);
      try {
        await probe.connect();
        await probe.ping();
      } finally {
        probe.disconnect();
      }
    });
  };
  await start();
  return {
    url,
    crash: async () => {
      await server?.kill();
      await start();
    },
    wipe: async () => {
      await server?.kill();
      await rm(join(folder, 'appendonlydir'), { recursive: true });
      await start();
    },
    freeze: () => server?.freeze(),
    thaw: () => server?.thaw(),
    [Symbol.asyncDispose]: async () => {
      await server?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}
