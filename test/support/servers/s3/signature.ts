import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Keys {
  readonly accessKey: string;
  readonly secretKey: string;
}

/**
 * Checks Signature Version 4 of a request, in its header or its URL. Returns the error code of S3 where it is not right.
 * Source: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
 */
export function signatureProblem(request: IncomingMessage, url: URL, keys: Keys): string | undefined {
  const isPresigned = url.searchParams.has('X-Amz-Signature');
  const given = isPresigned ? fromUrl(url) : fromHeader(request);
  if (!given) return 'AccessDenied';
  const { credential, signedHeaders, signature, date } = given;
  const [accessKey, ...scope] = credential.split('/');
  if (accessKey !== keys.accessKey) return 'InvalidAccessKeyId';
  if (isPresigned && Date.now() > timeOf(date) + Number(url.searchParams.get('X-Amz-Expires')) * 1_000) {
    return 'AccessDenied';
  }
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
  const headers = signedHeaders
    .split(';')
    .map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`)
    .join('');
  const payload = isPresigned ? 'UNSIGNED-PAYLOAD' : String(request.headers['x-amz-content-sha256']);
  const canonical = [request.method, url.pathname, query, headers, signedHeaders, payload].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<Buffer | string>((last, part) => hmac(last, part), `AWS4${keys.secretKey}`);
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

interface Given {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly date: string;
}

function fromHeader({ headers }: IncomingMessage): Given | undefined {
  const match = /^AWS4-HMAC-SHA256 Credential=(\S+), ?SignedHeaders=(\S+), ?Signature=(\w+)$/.exec(
    headers.authorization ?? '',
  );
  const [, credential = '', signedHeaders = '', signature = ''] = match ?? [];
  return match ? { credential, signedHeaders, signature, date: String(headers['x-amz-date']) } : undefined;
}

function fromUrl({ searchParams }: URL): Given {
  const read = (name: string): string => searchParams.get(`X-Amz-${name}`) ?? '';
  return {
    credential: read('Credential'),
    signedHeaders: read('SignedHeaders'),
    signature: read('Signature'),
    date: read('Date'),
  };
}

/** `20261125T190000Z` as epoch milliseconds. */
function timeOf(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
