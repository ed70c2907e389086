import { crc32 } from 'node:zlib';
import type { ResolvedRequest } from '../builds/build-record.ts';

export interface RecentRequestsConfig {
  /** For how long a body is not resolved again, milliseconds. Default 1000: little beside how long upstream's documents are fresh. */
  readonly keepMs?: number;
  /** Most bytes of bodies. Default 8 MiB. */
  readonly maxBytes?: number;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/** Where a request's meaning comes from, besides what upstream offers. */
export interface AskedBody {
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly userAgent: string | undefined;
}

interface Recent extends AskedBody {
  readonly resolved: ResolvedRequest;
  readonly at: number;
}

/** Sums of bodies that came once; a power of two. */
const SEEN_ONCE = 4_096;

/**
 * What bodies meant that were just resolved. Reading and checking a request depends on nothing but its bytes, two headers and
 * what upstream offers, so the very same request within a second has the very same meaning: LuCI repeats its POST until it is
 * answered, and when a release comes out many routers send equal ones. A body is kept from its second coming on; one that may
 * hold secrets is not.
 */
export class RecentRequests {
  readonly #keepMs: number;
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** By a sum over the body that only finds it: what counts are the bytes. The oldest first. */
  readonly #recent = new Map<number, Recent>();
  readonly #seenOnce = new Uint32Array(SEEN_ONCE);
  #sizeBytes = 0;

  constructor(config: RecentRequestsConfig = {}) {
    this.#keepMs = config.keepMs ?? 1_000;
    this.#maxBytes = config.maxBytes ?? 8 * 1024 ** 2;
    this.#now = config.now ?? (() => performance.now());
  }

  /** What these bytes meant within the last moment; undefined when they have to be read. */
  find(asked: AskedBody): ResolvedRequest | undefined {
    const recent = this.#recent.get(crc32(asked.body));
    if (!recent || this.#now() - recent.at >= this.#keepMs) return undefined;
    const isSame =
      recent.contentType === asked.contentType &&
      recent.userAgent === asked.userAgent &&
      recent.body.equals(asked.body);
    return isSame ? recent.resolved : undefined;
  }

  keep(asked: AskedBody, resolved: ResolvedRequest): void {
    const { defaults, repositoryKeys } = resolved.spec;
    if (defaults !== null || repositoryKeys.length > 0) return;
    const sum = crc32(asked.body);
    const slot = sum % SEEN_ONCE;
    if (this.#seenOnce[slot] !== sum) {
      this.#seenOnce[slot] = sum;
      return;
    }
    this.#forget(sum);
    this.#recent.set(sum, { ...asked, resolved, at: this.#now() });
    this.#sizeBytes += asked.body.byteLength;
    for (const oldest of this.#recent.keys()) {
      if (this.#sizeBytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(sum: number): void {
    this.#sizeBytes -= this.#recent.get(sum)?.body.byteLength ?? 0;
    this.#recent.delete(sum);
  }
}
