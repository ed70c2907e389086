import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Backoff } from '../../../shared/backoff.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { Artifact } from '../../../shared/domain/artifact.ts';
import type { Bucket } from './bucket.ts';
import { isAbsent, isTransient, s3Failure } from './s3-error.ts';
import { withPayloadSha256 } from './with-payload-sha256.ts';

/** Files up to this size go in one request, larger ones in parts of it. Every endpoint takes parts from 5 MiB on, 10,000 of them. */
export const PART_BYTES = 16 * 1024 ** 2;
/** Longest time a part takes, milliseconds: 140 kB a second at least. */
const PART_MS = 120_000;
/** Bytes that are read at once. */
const READ_BYTES = 64 * 1024;
/** Tries of a part. */
const TRIES = 3;

/**
 * Puts a file of this machine into a bucket: there is all of it, or nothing. Reads it from disk once more for each try, so no
 * byte is held in memory, and what arrives is compared with its sha256 by the endpoint. The file may be removed meanwhile.
 * @throws FarmError `unavailable` when the file cannot be read, or the bucket does not take it; an upload in parts is given up then.
 */
export async function putFile(
  { bucket, clock }: { readonly bucket: Bucket; readonly clock: Clock },
  path: string,
  key: string,
  artifact: Artifact,
): Promise<void> {
  const { sizeBytes, sha256 } = artifact;
  try {
    const file = await open(path);
    try {
      const put = { bucket, clock, file, key };
      if (sizeBytes > PART_BYTES) await putParts(put, sizeBytes);
      else await putWhole(put, sizeBytes, sha256);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    throw s3Failure(thrown, `take ${artifact.name} in`);
  }
}

/** A file on its way into a bucket. */
interface Put {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly file: FileHandle;
  readonly key: string;
}

/** Bytes of a file, both ends included; an `end` below `start` for none. */
interface Range {
  readonly start: number;
  readonly end: number;
}

async function putWhole({ bucket, clock, file, key }: Put, sizeBytes: number, sha256: string): Promise<void> {
  await tried(clock, () =>
    withBody(file, { start: 0, end: sizeBytes - 1 }, async (Body, signal) => {
      const command = new PutObjectCommand({ ...bucket.target(key), Body, ContentLength: sizeBytes });
      await bucket.client.send(withPayloadSha256(command, sha256), bucket.limit(PART_MS, signal));
    }),
  );
}

async function putParts({ bucket, clock, file, key }: Put, sizeBytes: number): Promise<void> {
  const target = bucket.target(key);
  const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand(target), bucket.limit());
  if (!UploadId) throw new Error('the endpoint gave the upload no id');
  try {
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (let start = 0; start < sizeBytes; start += PART_BYTES) {
      const range = { start, end: Math.min(start + PART_BYTES, sizeBytes) - 1 };
      const PartNumber = Parts.length + 1;
      const sha256 = await sha256Of(file, range);
      const ETag = await tried(clock, () =>
        withBody(file, range, async (Body, signal) => {
          const ContentLength = range.end - range.start + 1;
          const command = new UploadPartCommand({ ...target, UploadId, PartNumber, Body, ContentLength });
          const sent = bucket.client.send(withPayloadSha256(command, sha256), bucket.limit(PART_MS, signal));
          return (await sent).ETag;
        }),
      );
      Parts.push({ PartNumber, ETag });
    }
    const complete = new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } });
    await bucket.client.send(complete, bucket.limit(PART_MS)).catch(async (thrown: unknown) => {
      // Done by an earlier try whose answer was lost.
      if (!isAbsent(thrown) || (await bucket.head(key))?.sizeBytes !== sizeBytes) throw thrown;
    });
  } catch (thrown) {
    // What cannot be given up now is found by the keeper.
    await bucket.abort({ key, uploadId: UploadId }).catch(() => undefined);
    throw thrown;
  }
}

/**
 * Sends a request with bytes of a file. Where they cannot be read the request ends: the SDK leaves a body's failure to whoever made
 * the body, and goes on waiting.
 */
async function withBody<T>(
  file: FileHandle,
  range: Range,
  send: (body: Readable, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const unreadable = new AbortController();
  const body = Readable.from(read(file, range), { objectMode: false });
  const failed = new Promise<never>((_resolve, reject) => {
    body.once('error', (cause) => {
      reject(cause);
      unreadable.abort();
    });
  });
  try {
    return await Promise.race([failed, send(body, unreadable.signal)]);
  } finally {
    body.destroy();
  }
}

/** The file stays open: a stream of node's would close it. */
async function* read(file: FileHandle, { start, end }: Range): AsyncGenerator<Buffer> {
  for (let position = start; position <= end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position + 1));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new Error('the file ends early');
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A request whose body is a stream is not repeated by the client, so it is here. */
async function tried<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  const backoff = new Backoff({ minMs: 200, maxMs: 5_000 });
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (thrown) {
      if (tries === TRIES || !isTransient(thrown)) throw thrown;
      await clock.sleep(backoff.nextMs());
    }
  }
}

async function sha256Of(file: FileHandle, range: Range): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of read(file, range)) hash.update(chunk);
  return hash.digest('hex');
}
