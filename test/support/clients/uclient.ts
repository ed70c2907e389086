import { sendOverWire, type WireReply, type WireRequest } from '../wire.ts';

/** Redirects that libuclient knows. Source: openwrt uclient 7a0aa2e, uclient-http.c. */
const REDIRECTS = [301, 302, 307];
const MAX_REDIRECTS = 10;

export interface UclientOptions {
  readonly userAgent: string;
  /** Whether the program asks it to follow redirects. */
  readonly followsRedirects: boolean;
  /** Bytes of the program's buffer for a URL; none by default. */
  readonly maxUrlLength?: number;
}

/** One exchange, for whoever wants to know what was said. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly status: number;
}

/**
 * libuclient as owut and auc use it: HTTP/1.1, bodies always in chunks without a length, no Accept and no Accept-Encoding,
 * header names in small letters.
 */
export class Uclient {
  readonly #options: UclientOptions;
  /** Everything asked so far. */
  readonly exchanges: Exchange[] = [];

  constructor(options: UclientOptions) {
    this.#options = options;
  }

  async get(url: string): Promise<WireReply> {
    return await this.#request('GET', url);
  }

  async head(url: string): Promise<WireReply> {
    return await this.#request('HEAD', url);
  }

  async post(url: string, body: unknown): Promise<WireReply> {
    return await this.#request('POST', url, body);
  }

  async #request(method: string, start: string, body?: unknown): Promise<WireReply> {
    let url = start;
    for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
      const reply = await this.#exchange(method, url, body);
      const location = reply.header('location');
      if (!this.#options.followsRedirects || !REDIRECTS.includes(reply.status) || !location) return reply;
      url = new URL(location, url).href;
    }
    throw new Error(`too many redirects from ${start}`);
  }

  async #exchange(method: string, url: string, body: unknown): Promise<WireReply> {
    const { userAgent, maxUrlLength = Number.POSITIVE_INFINITY } = this.#options;
    if (url.length > maxUrlLength) throw new Error(`the URL is cut after ${maxUrlLength} characters: ${url}`);
    const json = body === undefined ? {} : { body, chunked: true };
    const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const request: WireRequest = { method, ...json, headers: { 'User-Agent': userAgent, ...type } };
    const { origin } = new URL(url);
    const reply = await sendOverWire(origin, url.slice(origin.length), request);
    this.exchanges.push({ method, url, status: reply.status });
    return reply;
  }
}
