import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { inParallel } from '../../../shared/in-parallel.ts';
import { isAbsent, isUnsupported, s3CodeOf, s3Failure, s3StatusOf } from './s3-error.ts';

/** Longest time of a look, with all its tries, milliseconds: clients wait for it. */
const LOOK_MS = 10_000;
/** The same for what changes something, beside what moves the bytes of files. */
const REQUEST_MS = 30_000;
/** A copy gets this on top for each MiB, milliseconds. */
const COPY_MS_PER_MIB = 200;
/** Removals at the same time. */
const REMOVALS = 8;

/** An object or an upload in parts that is not done, as it stands in the bucket. */
export interface BucketEntry {
  /** Without the bucket's prefix. */
  readonly key: string;
  /** Epoch milliseconds by the endpoint's clock: when it was written, or begun. */
  readonly changedAt: number;
}

export interface BucketObject extends BucketEntry {
  readonly sizeBytes: number;
}

/** Uploads that are not done, with the id that names them. */
export interface UnfinishedUpload extends BucketEntry {
  readonly uploadId: string;
}

export interface BucketDependencies {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  /** Aborted when the coordinator closes; ends what is under way. */
  readonly closing: AbortSignal;
}

/**
 * Objects of a bucket, below a prefix, by the few requests that every endpoint knows. Each is limited in time and safe to repeat.
 * @throws FarmError `unavailable`, with what to do, for whatever else than "not there" the endpoint says.
 */
export class Bucket {
  readonly client: S3Client;
  readonly #deps: BucketDependencies;

  constructor(deps: BucketDependencies) {
    this.client = deps.client;
    this.#deps = deps;
  }

  /** What requests about an object name it by. */
  target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#deps.bucket, Key: `${this.#deps.prefix}${key}` };
  }

  /** Ends a request that takes longer, or that the coordinator's end or `signal` overtakes. */
  limit(ms = REQUEST_MS, signal?: AbortSignal): { readonly abortSignal: AbortSignal } {
    const signals = [this.#deps.closing, AbortSignal.timeout(ms), ...(signal ? [signal] : [])];
    return { abortSignal: AbortSignal.any(signals) };
  }

  async head(key: string): Promise<BucketObject | undefined> {
    try {
      const found = await this.client.send(new HeadObjectCommand(this.target(key)), this.limit(LOOK_MS));
      return { key, sizeBytes: found.ContentLength ?? 0, changedAt: found.LastModified?.getTime() ?? 0 };
    } catch (thrown) {
      if (isAbsent(thrown)) return undefined;
      throw s3Failure(thrown, `look for ${key}`);
    }
  }

  /** The text of a small object. */
  async read(key: string): Promise<string | undefined> {
    try {
      const found = await this.client.send(new GetObjectCommand(this.target(key)), this.limit(LOOK_MS));
      return (await found.Body?.transformToString()) ?? '';
    } catch (thrown) {
      if (isAbsent(thrown)) return undefined;
      throw s3Failure(thrown, `read ${key}`);
    }
  }

  /** Writes a small object, over what there is. */
  async write(key: string, text: string): Promise<void> {
    await this.#put(key, text, {}).catch((thrown: unknown) => {
      throw s3Failure(thrown, `write ${key}`);
    });
  }

  /**
   * Writes a small object where there is none; what stands is left alone.
   *
   * The endpoint decides that in one step, by `If-None-Match`. One that does not know the condition refuses it, or writes all the
   * same: then only the look beforehand keeps what stands, and of two that write within one request's time the later one wins.
   */
  async writeOnce(key: string, text: string): Promise<void> {
    if (await this.head(key)) return;
    try {
      await this.#put(key, text, { IfNoneMatch: '*' });
    } catch (thrown) {
      // 409: another one is being written at this moment. Source: Amazon S3 API reference, PutObject.
      if (s3StatusOf(thrown) === 412) return;
      if (s3CodeOf(thrown) === 'ConditionalRequestConflict' && (await this.head(key))) return;
      if (!isUnsupported(thrown)) throw s3Failure(thrown, `write ${key}`);
      await this.write(key, text);
    }
  }

  /** Copies an object within the bucket, which does that by itself. False when there is nothing to copy. */
  async copy(from: string, to: string, sizeBytes: number): Promise<boolean> {
    const source = this.target(from);
    const CopySource = `${source.Bucket}/${source.Key.split('/').map(encodeURIComponent).join('/')}`;
    const limit = this.limit(REQUEST_MS + Math.ceil(sizeBytes / 1024 ** 2) * COPY_MS_PER_MIB);
    try {
      await this.client.send(new CopyObjectCommand({ ...this.target(to), CopySource }), limit);
      return true;
    } catch (thrown) {
      if (isAbsent(thrown)) return false;
      throw s3Failure(thrown, `copy ${from}`);
    }
  }

  /** What there is below a prefix, in the order of the keys, a page at a time. */
  async *list(prefix: string): AsyncGenerator<BucketObject> {
    const { Bucket, Key: Prefix } = this.target(prefix);
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken });
      const page = await this.client.send(command, this.limit(LOOK_MS)).catch((thrown: unknown) => {
        throw s3Failure(thrown, `list ${prefix || 'its bucket'}`);
      });
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        yield { key: this.#ownKey(Key), sizeBytes: Size ?? 0, changedAt: LastModified?.getTime() ?? 0 };
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
  }

  /** Uploads in parts below a prefix that were begun and not ended. None where the endpoint cannot tell. */
  async *unfinished(prefix: string): AsyncGenerator<UnfinishedUpload> {
    const { Bucket, Key: Prefix } = this.target(prefix);
    let next: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
    while (next) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket,
        Prefix,
        ...next,
      });
      const page = await this.client.send(command, this.limit()).catch((thrown: unknown) => {
        if (isUnsupported(thrown)) return undefined;
        throw s3Failure(thrown, `list the unfinished uploads of ${prefix}`);
      });
      for (const { Key, UploadId, Initiated } of page?.Uploads ?? []) {
        const key = this.#ownKey(Key);
        if (UploadId && key.startsWith(prefix))
          yield { key, uploadId: UploadId, changedAt: Initiated?.getTime() ?? 0 };
      }
      next = page?.IsTruncated
        ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
        : undefined;
    }
  }

  /** Gives up an upload in parts; its parts are gone then. */
  async abort({ key, uploadId }: Pick<UnfinishedUpload, 'key' | 'uploadId'>): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.target(key), UploadId: uploadId });
    await this.client.send(command, this.limit()).catch((thrown: unknown) => {
      if (!isAbsent(thrown)) throw s3Failure(thrown, `give up the upload of ${key}`);
    });
  }

  /** Removes objects one by one: not every endpoint removes several at once. */
  async remove(keys: readonly string[]): Promise<void> {
    await inParallel(keys, REMOVALS, async (key) => {
      await this.client
        .send(new DeleteObjectCommand(this.target(key)), this.limit())
        .catch((thrown: unknown) => {
          if (!isAbsent(thrown)) throw s3Failure(thrown, `remove ${key}`);
        });
    });
  }

  /** Removes all below a prefix. */
  async removeBelow(prefix: string): Promise<void> {
    const keys: string[] = [];
    for await (const { key } of this.list(prefix)) keys.push(key);
    await this.remove(keys);
  }

  async #put(key: string, text: string, condition: { readonly IfNoneMatch?: string }): Promise<void> {
    await this.client.send(
      new PutObjectCommand({ ...this.target(key), Body: text, ...condition }),
      this.limit(),
    );
  }

  #ownKey(key: string | undefined): string {
    return (key ?? '').slice(this.#deps.prefix.length);
  }
}
