import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** A Redis of its own on a socket in a temporary folder, and a client of it. */
export interface TinyRedis extends AsyncDisposable {
  readonly client: Redis;
}

export async function startTinyRedis(): Promise<TinyRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-tiny-redis-'));
  const path = join(folder, 'socket');
  const server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  );
  const client = new Redis({
    path,
    maxRetriesPerRequest: 100,
    retryStrategy: () => 20,
    commandTimeout: 2_000,
  });
  client.on('error', () => undefined);
  await client.ping();
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      client.disconnect();
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
