import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
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
/** Tries of a part. */
const TRIES = 3;

/**
 * Puts a file of this machine into a bucket: there is all of it, or nothing. Reads it from disk once more for each try, so no
 * byte is held in memory, and what arrives is compared with its sha256 by the endpoint.
 * @throws FarmError `unavailable` when the bucket does not take it; an upload in parts is given up then.
 */
export async function putFile(
  { bucket, clock }: { readonly bucket: Bucket; readonly clock: Clock },
  path: string,
  key: string,
  artifact: Artifact,
): Promise<void> {
  const { sizeBytes, sha256 } = artifact;
  try {
    if (sizeBytes > PART_BYTES) return await putParts({ bucket, clock }, path, key, sizeBytes);
    await tried(clock, async () => {
      const command = new PutObjectCommand({
        ...bucket.target(key),
        Body: createReadStream(path),
        ContentLength: sizeBytes,
      });
      await bucket.client.send(withPayloadSha256(command, sha256), bucket.limit(PART_MS));
    });
  } catch (thrown) {
    throw s3Failure(thrown, `take ${artifact.name} in`);
  }
}

async function putParts(
  { bucket, clock }: { readonly bucket: Bucket; readonly clock: Clock },
  path: string,
  key: string,
  sizeBytes: number,
): Promise<void> {
  const target = bucket.target(key);
  const { UploadId } = await bucket.client.send(new CreateMultipartUploadCommand(target), bucket.limit());
  if (!UploadId) throw new Error('the endpoint gave the upload no id');
  try {
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (let start = 0; start < sizeBytes; start += PART_BYTES) {
      const range = { start, end: Math.min(start + PART_BYTES, sizeBytes) - 1 };
      const PartNumber = Parts.length + 1;
      const sha256 = await sha256Of(path, range);
      const ETag = await tried(clock, async () => {
        const Body = createReadStream(path, range);
        const ContentLength = range.end - range.start + 1;
        const command = new UploadPartCommand({ ...target, UploadId, PartNumber, Body, ContentLength });
        return (await bucket.client.send(withPayloadSha256(command, sha256), bucket.limit(PART_MS))).ETag;
      });
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

async function sha256Of(
  path: string,
  range: { readonly start: number; readonly end: number },
): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, range)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
