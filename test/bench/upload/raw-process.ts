import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { syncFolder } from '../../../coordinator/artifacts/sync-folder.ts';
import { answerParent } from '../child-process.ts';

/**
 * The least that taking files in can be: one a connection until it half-closes, hashed, written, synced, renamed, its folder synced,
 * and answered with its sha256. The message names the folder; the answer is `host:port`.
 */
answerParent(async (parent: string): Promise<string> => {
  const folder = await mkdtemp(join(parent, 'raw-'));
  let taken = 0;
  const take = async (socket: Socket): Promise<void> => {
    taken += 1;
    const path = join(folder, String(taken));
    const hash = createHash('sha256');
    const hashed = async function* (bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of bytes) {
        hash.update(chunk);
        yield chunk;
      }
    };
    const file = createWriteStream(`${path}.part`, { highWaterMark: 1024 * 1024, flush: true });
    await pipeline(socket.iterator({ destroyOnReturn: false }), hashed, file);
    await rename(`${path}.part`, path);
    await syncFolder(folder);
    socket.end(hash.digest('hex'));
    await rm(path);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    take(socket).catch((thrown: unknown) => {
      process.stderr.write(`${String(thrown)}\n`);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
