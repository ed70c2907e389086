import type { ResolvedRequest } from '../builds/build-record.ts';

export interface RecentRequestsConfig {
  /** For how long a body is not resolved again, milliseconds. Default 1000: little beside how long upstream's documents are fresh. */
  readonly keepMs?: number;
  /** Most bytes of bodies. Default 8 MiB. */
  readonly maxBytes?: number;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

interface Recent {
  readonly resolved: ResolvedRequest;
  readonly contentType: string | undefined;
  readonly userAgent: string | undefined;
  readonly at: number;
}

/** Longer texts V8 tells apart by their length alone when it looks for one (String::kMaxHashCalcLength), which anyone could use. */
const MAX_BODY_BYTES = 16_000;

/**
 * What bodies meant that were just resolved. Reading and checking a request depends on nothing but its bytes, two headers and
 * what upstream offers, so the very same request within a second has the very same meaning: LuCI repeats its POST until it is
 * answered, and when a release comes out many routers send equal ones. Requests that may hold secrets are not kept.
 */
export class RecentRequests {
  readonly #keepMs: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** By body, one character a byte; the oldest first. */
  readonly #recent = new Map<string, Recent>();
  #sizeBytes = 0;

  constructor(config: RecentRequestsConfig = {}) {
    this.#keepMs = config.keepMs ?? 1_000;
    this.#maxBytes = config.maxBytes ?? 8 * 1024 ** 2;
    this.#now = config.now ?? (() => performance.now());
  }

  /** What these bytes meant within the last moment; undefined when they have to be read. */
  find(
    body: Buffer,
    contentType: string | undefined,
    userAgent: string | undefined,
  ): ResolvedRequest | undefined {
    if (body.byteLength > MAX_BODY_BYTES) return undefined;
    const recent = this.#recent.get(body.toString('latin1'));
    if (!recent || recent.contentType !== contentType || recent.userAgent !== userAgent) return undefined;
    return this.#now() - recent.at < this.#keepMs ? recent.resolved : undefined;
  }

  keep(
    body: Buffer,
    contentType: string | undefined,
    userAgent: string | undefined,
    resolved: ResolvedRequest,
  ): void {
    const { defaults, repositoryKeys } = resolved.spec;
    if (body.byteLength > MAX_BODY_BYTES || defaults !== null || repositoryKeys.length > 0) return;
    const text = body.toString('latin1');
    if (!this.#recent.delete(text)) this.#sizeBytes += text.length;
    this.#recent.set(text, { resolved, contentType, userAgent, at: this.#now() });
    for (const oldest of this.#recent.keys()) {
      if (this.#sizeBytes <= this.#maxBytes) break;
      this.#recent.delete(oldest);
      this.#sizeBytes -= oldest.length;
    }
  }
}
