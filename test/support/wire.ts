import { type Agent, request as httpRequest } from 'node:http';

export interface WireRequest {
  /** Default GET, or POST when there is a body. */
  readonly method?: string;
  /** Sent exactly so, and no others but Host and those of the connection and of the body's length. */
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON text, a text as it is. */
  readonly body?: unknown;
  /** The body goes out in pieces, its length unsaid. */
  readonly chunked?: boolean;
}

/** A response as it came, nothing interpreted. */
export class WireReply {
  readonly status: number;
  readonly bytes: Buffer;
  readonly #headers: readonly (readonly [name: string, value: string])[];

  constructor(status: number, rawHeaders: readonly string[], bytes: Buffer) {
    this.status = status;
    this.bytes = bytes;
    this.#headers = rawHeaders.flatMap((name, at) =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? ''] as const] : [],
    );
  }

  /** Every value of a header, one for each time it was sent. */
  headers(name: string): readonly string[] {
    return this.#headers.filter(([each]) => each === name.toLowerCase()).map(([, value]) => value);
  }

  /** The only value of a header; undefined where there is none. Throws where it was sent twice. */
  header(name: string): string | undefined {
    const [value, ...more] = this.headers(name);
    if (more.length > 0) throw new Error(`${name} was sent ${more.length + 1} times`);
    return value;
  }

  /** Lower-case names in the order sent. */
  get headerNames(): readonly string[] {
    return this.#headers.map(([name]) => name);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** Throws when the body is not JSON. */
  get json(): Readonly<Record<string, unknown>> {
    return JSON.parse(this.text) as Readonly<Record<string, unknown>>;
  }
}

/**
 * Sends one request as it is given: path and query unchanged, redirects not followed, nothing decompressed.
 * @param agent the connections to use; default: those of this process.
 */
export async function sendOverWire(
  base: string,
  path: string,
  request: WireRequest = {},
  agent?: Agent,
): Promise<WireReply> {
  const { body, chunked, headers } = request;
  const { hostname, port } = new URL(base);
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const length = text === undefined || chunked ? {} : { 'Content-Length': Buffer.byteLength(text) };
  const options = {
    hostname,
    port,
    path,
    agent,
    method: request.method ?? (text === undefined ? 'GET' : 'POST'),
    headers: { ...headers, ...length, ...(chunked ? { 'Transfer-Encoding': 'chunked' } : {}) },
  };
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.once('error', reject);
      incoming.once('end', () =>
        resolve(new WireReply(incoming.statusCode ?? 0, incoming.rawHeaders, Buffer.concat(chunks))),
      );
    });
    outgoing.once('error', reject);
    if (text !== undefined && chunked) {
      const half = Math.ceil(text.length / 2);
      outgoing.write(text.slice(0, half));
      outgoing.end(text.slice(half));
    } else outgoing.end(text);
  });
}

/** Sends requests to one server. */
export class Wire {
  readonly #base: () => string;

  /** @param base asked for at each request: the server may start later. */
  constructor(base: () => string) {
    this.#base = base;
  }

  async send(path: string, request: WireRequest = {}): Promise<WireReply> {
    return await sendOverWire(this.#base(), path, request);
  }

  async get(path: string): Promise<WireReply> {
    return await this.send(path);
  }

  /** POST with the content type of JSON. */
  async post(
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WireReply> {
    return await this.send(path, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'application/json', ...headers },
    });
  }
}
