import { sendOverWire, type WireReply } from '../wire.ts';
import { ClientFailure } from './device.ts';

/** Types that need no preflight. Source: Fetch standard, CORS-safelisted request-header. */
const SIMPLE_TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];
const ALWAYS_READABLE = [
  ...[
    'cache-control',
    'content-language',
    'content-length',
    'content-type',
    'expires',
    'last-modified',
    'pragma',
  ],
];

/** What a page gets of an answer from another origin. */
export interface PageReply {
  readonly status: number;
  readonly text: string;
  readonly bytes: Buffer;
  /** Only of headers that the server exposes. */
  header(name: string): string | undefined;
}

export interface PageRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** Sent as JSON text. */
  readonly body?: unknown;
  readonly contentType?: string;
}

/** Requests as a browser makes them for a page of another origin: with preflights, and blind for what it may not read. */
export class BrowserHttp {
  readonly #origin: string;
  /** Method and URL of everything sent, preflights too. */
  readonly sent: string[] = [];

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @throws ClientFailure as browsers report what CORS forbids. */
  async request({ method, url, body, contentType }: PageRequest): Promise<PageReply> {
    const isSimple = contentType === undefined || SIMPLE_TYPES.includes(contentType);
    if (!isSimple) await this.#preflight(method, url);
    const headers: Record<string, string> = {
      Accept: '*/*',
      'Accept-Encoding': 'gzip, deflate, br, zstd',
      Origin: this.#origin,
      'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
    };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const reply = await this.#send(url, { method, headers, ...sent });
    this.#checkOrigin(reply, url);
    const exposed = list(reply.header('access-control-expose-headers'));
    return {
      status: reply.status,
      text: reply.text,
      bytes: reply.bytes,
      header: (name) => {
        const isReadable =
          ALWAYS_READABLE.includes(name.toLowerCase()) || exposed.includes(name.toLowerCase());
        return isReadable ? reply.header(name) : undefined;
      },
    };
  }

  async #preflight(method: string, url: string): Promise<void> {
    const headers = {
      Origin: this.#origin,
      'Access-Control-Request-Method': method,
      'Access-Control-Request-Headers': 'content-type',
    };
    const reply = await this.#send(url, { method: 'OPTIONS', headers });
    if (reply.status < 200 || reply.status > 299) throw blocked(url, `preflight has status ${reply.status}`);
    this.#checkOrigin(reply, url);
    const allowed = list(reply.header('access-control-allow-headers'));
    if (!allowed.includes('content-type') && !allowed.includes('*'))
      throw blocked(url, 'content-type is not allowed');
  }

  async #send(
    url: string,
    request: Parameters<typeof sendOverWire>[2] & { method: string },
  ): Promise<WireReply> {
    this.sent.push(`${request.method} ${url}`);
    const { origin } = new URL(url);
    return await sendOverWire(origin, url.slice(origin.length), request);
  }

  #checkOrigin(reply: WireReply, url: string): void {
    const values = reply.headers('access-control-allow-origin');
    if (values.length !== 1 || !['*', this.#origin].includes(values[0] ?? '')) {
      throw blocked(url, `Access-Control-Allow-Origin is ${JSON.stringify(values)}`);
    }
  }
}

function list(value: string | undefined): readonly string[] {
  return (value ?? '').split(',').map((each) => each.trim().toLowerCase());
}

function blocked(url: string, why: string): ClientFailure {
  return new ClientFailure(`${url} has been blocked by CORS policy: ${why}`);
}
