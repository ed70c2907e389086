import { FarmError, messageOf } from '../../../shared/errors.ts';

/** What an operator can do about an error code of S3. Source: Amazon S3 API reference, "Error responses". */
const ADVICE: Readonly<Record<string, string>> = {
  AccessDenied: 'the key may not do this; it must read, write, list and delete in the bucket',
  InvalidAccessKeyId: 'check WRTFARM_S3_ACCESS_KEY',
  SignatureDoesNotMatch: 'check WRTFARM_S3_SECRET_KEY and WRTFARM_S3_REGION',
  AuthorizationHeaderMalformed: 'check WRTFARM_S3_REGION',
  RequestTimeTooSkewed: 'set the clock of this machine',
  NoSuchBucket: 'make the bucket, or check WRTFARM_S3_BUCKET',
  PermanentRedirect: 'check WRTFARM_S3_ENDPOINT and WRTFARM_S3_REGION',
  SlowDown: 'it is asked too much; this is tried again',
};

/** The error code of S3, or of the connection; the name of the error where it has neither. */
export function s3CodeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '';
  for (const code of ['Code' in thrown && thrown.Code, 'code' in thrown && thrown.code]) {
    if (typeof code === 'string') return code;
  }
  return thrown.name;
}

/** The HTTP status of an answer; undefined where there was none. */
export function s3StatusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('$metadata' in thrown)) return undefined;
  const metadata = thrown.$metadata as { readonly httpStatusCode?: number } | undefined;
  return metadata?.httpStatusCode;
}

/** The object, or the upload in parts, is not there. A bucket that is not there is another matter. */
export function isAbsent(thrown: unknown): boolean {
  const code = s3CodeOf(thrown);
  return code === 'NoSuchKey' || code === 'NotFound' || code === 'NoSuchUpload';
}

/** The endpoint does not know what was asked for, or how. */
export function isUnsupported(thrown: unknown): boolean {
  return s3StatusOf(thrown) === 501 || ['NotImplemented', 'MethodNotAllowed'].includes(s3CodeOf(thrown));
}

/** What arrived has another sha256 than the request was signed with; also for the `FarmError` that this became. */
export function isOtherBytes(thrown: unknown): boolean {
  return s3CodeOf(thrown instanceof FarmError ? thrown.cause : thrown) === 'XAmzContentSHA256Mismatch';
}

/** Trying again may help: no answer came, or one that blames the server. */
export function isTransient(thrown: unknown): boolean {
  const status = s3StatusOf(thrown);
  return status === undefined || status >= 500 || status === 429 || status === 408;
}

/**
 * A failure of the bucket, in the farm's words: `unavailable`, with what to do, for the log and for agents; clients are told the
 * service only. Nothing of the request is in it.
 * @param what was tried, as in "it cannot list".
 */
export function s3Failure(thrown: unknown, what: string): FarmError {
  if (thrown instanceof FarmError) return thrown;
  const code = s3CodeOf(thrown);
  const reason = ['AbortError', 'TimeoutError'].includes(code) ? 'it took too long' : messageOf(thrown);
  const advice =
    ADVICE[s3StatusOf(thrown) === 403 && !(code in ADVICE) ? 'AccessDenied' : code] ??
    (isTransient(thrown) ? 'if it stays so, see whether WRTFARM_S3_ENDPOINT can be reached' : '');
  return new FarmError(
    'unavailable',
    `the artifact store cannot ${what}: ${code ? `${code}: ` : ''}${reason}${advice ? `; ${advice}` : ''}`,
    { cause: thrown, details: { service: 'artifact store' } },
  );
}
