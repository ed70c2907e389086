import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Type } from 'typebox';
import { parseAs } from '../../shared/schema.ts';
import { readJson, writeJson } from './json-file.ts';

const HOST = '127.0.0.1';
const PortsSchema = Type.Record(Type.String(), Type.Integer({ minimum: 1, maximum: 65_535 }));

/** Ports of a farm's own servers, remembered in its data folder so that they stay the same where they can. */
export class FarmPorts {
  readonly #path: string;
  readonly #ports: Record<string, number>;

  private constructor(path: string, ports: Record<string, number>) {
    this.#path = path;
    this.#ports = ports;
  }

  static open(directory: string): FarmPorts {
    const path = join(directory, 'ports.json');
    return new FarmPorts(path, parseAs(PortsSchema, readJson(path) ?? {}, path));
  }

  /** The port a server had before when that is free now, otherwise a free one, remembered. */
  async take(name: string): Promise<number> {
    const before = this.#ports[name];
    if (before !== undefined && (await isFreePort(before))) return before;
    const taken = new Set(Object.values(this.#ports));
    let port = await freePort();
    while (taken.has(port)) port = await freePort();
    this.#ports[name] = port;
    writeJson(this.#path, this.#ports);
    return port;
  }
}

/** Whether a server could listen on the port of 127.0.0.1 now. */
export async function isFreePort(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}

async function freePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === undefined) throw new Error(`no free port on ${HOST}`);
  return port;
}

/** The port that was listened on for a moment; `undefined` when it is taken or not ours to use. */
async function listenOnce(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
