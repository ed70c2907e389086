import type { IncomingHttpHeaders } from 'node:http';

/** What identifies the bytes of an answer. */
export interface Validator {
  /** Strong, in quotes. */
  readonly etag: string;
  /** Epoch milliseconds; HTTP knows whole seconds. */
  readonly modifiedAt: number;
}

/** Whether the client has these bytes already, so that 304 is the answer. Source: RFC 9110, section 13.2.2. */
export function isNotModified(headers: IncomingHttpHeaders, validator: Validator): boolean {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    const tags = noneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return tags.includes('*') || tags.includes(validator.etag);
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && wholeSeconds(validator.modifiedAt) <= since;
}

/** Whether a range may be sent: no `If-Range`, or one that names exactly these bytes. Source: RFC 9110, section 13.1.5. */
export function mayUseRange(headers: IncomingHttpHeaders, validator: Validator): boolean {
  const ifRange = headers['if-range'];
  if (ifRange === undefined) return true;
  const condition = Array.isArray(ifRange) ? ifRange[0] : ifRange;
  return condition === validator.etag || Date.parse(condition ?? '') === wholeSeconds(validator.modifiedAt);
}

function wholeSeconds(epochMs: number): number {
  return Math.floor(epochMs / 1000) * 1000;
}
