import { eventually } from './eventually.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A client of the build API, as plain as can be. */
export class BuildClient {
  readonly #url: () => string;

  /** @param url base URL; asked for at each call, so that a test may switch coordinators. */
  constructor(url: () => string) {
    this.#url = url;
  }

  async post(request: unknown): Promise<Reply> {
    return await this.#reply('/api/v1/build', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
  }

  async get(hash: string): Promise<Reply> {
    return await this.#reply(`/api/v1/build/${hash}`, {});
  }

  /** Waits for a build's final answer. */
  async final(hash: string, withinMs = 60_000): Promise<Reply> {
    return await eventually(async () => {
      const reply = await this.get(hash);
      if (reply.status === 202) throw new Error(`still ${JSON.stringify(reply.body)}`);
      return reply;
    }, withinMs);
  }

  /** Waits until a build is in a stage of its making. */
  async reaches(hash: string, stage: string): Promise<void> {
    await eventually(async () => (await this.get(hash)).body.imagebuilder_status === stage);
  }

  /** The value of a metric without labels, or summed over all of them. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.#url()}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  async #reply(path: string, init: RequestInit): Promise<Reply> {
    const response = await fetch(this.#url() + path, init);
    const body = (await response.json()) as Record<string, unknown>;
    return { status: response.status, headers: response.headers, body };
  }
}

/** The request hash in an answer. */
export function hashOf(reply: Reply): string {
  const hash = reply.body.request_hash;
  if (typeof hash !== 'string') throw new Error(`no request hash in ${JSON.stringify(reply.body)}`);
  return hash;
}
