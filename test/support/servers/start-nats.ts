import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { type ServerProcess, startProcess } from './child.ts';

/** A nats-server with JetStream on loopback. */
export interface TestNats extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL, then the same port and store again. */
  crash(): Promise<void>;
  /** SIGKILL, then the same port and nothing of what it held. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startNats(): Promise<TestNats> {
  const folder = await mkdtemp(join(tmpdir(), 'wrtfarm-nats-'));
  let port = -1;
  let server: ServerProcess | undefined;
  const start = async (): Promise<void> => {
    await rm(join(folder, 'ports'), { recursive: true, force: true });
    const config = join(folder, 'nats.conf');
    await writeFile(
      config,
      `host: 127.0.0.1\nport: ${port}\nports_file_dir: "${folder}"\njetstream { store_dir: "${folder}/store" }\n`,
    );
    for (const name of await readdir(folder)) if (name.endsWith('.ports')) await rm(join(folder, name));
    server = startProcess('nats-server', ['-c', config], join(folder, 'log'));
    port = await eventually(async () => {
      const name = (await readdir(folder)).find((each) => each.endsWith('.ports'));
      const ports: { nats: string[] } = JSON.parse(await readFile(join(folder, name ?? 'none'), 'utf8'));
      return Number(new URL(ports.nats[0] ?? '').port);
    });
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    start,
    stop: async () => await server?.stop(),
    crash: async () => {
      await server?.kill();
      await start();
    },
    wipe: async () => {
      await server?.kill();
      await rm(join(folder, 'store'), { recursive: true });
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await server?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
