import { S3Client } from '@aws-sdk/client-s3';
import type { S3Settings } from './s3-settings.ts';

/** An endpoint that does not take a connection in this time is away, milliseconds. */
const CONNECT_MS = 5_000;
/** A connection over which nothing comes or goes for so long is given up, milliseconds. */
const SILENCE_MS = 120_000;
/** Tries of a request that may be repeated as it is. */
const TRIES = 3;
/** Each download under way holds one. */
const MAX_SOCKETS = 1_024;

/** A client for one bucket's endpoint. Opens nothing until used; whoever makes it calls `destroy`. */
export function createS3Client(settings: S3Settings): S3Client {
  return new S3Client({
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    region: settings.region,
    forcePathStyle: !settings.bucketInHost,
    credentials: { accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey },
    maxAttempts: TRIES,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
    // Checksums in trailers, the SDK's default, are not understood by many endpoints. Requests are signed with the sha256 of
    // what they carry instead.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
}

/** What goes wrong is thrown, and told by whoever catches it. */
function ignore(): void {}
