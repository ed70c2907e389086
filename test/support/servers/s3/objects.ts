import { createHash, randomBytes } from 'node:crypto';

/** An answer of S3 that is an error. */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export interface StoredObject {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly changedAt: Date;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly startedAt: Date;
  readonly parts: Map<number, StoredObject>;
}

/** Smallest part but the last. Source: Amazon S3 user guide, "Amazon S3 multipart upload limits". */
const MIN_PART_BYTES = 5 * 1024 ** 2;

/** What one bucket holds, and the rules it keeps. */
export class Objects {
  readonly stored = new Map<string, StoredObject>();
  readonly uploads = new Map<string, Upload>();

  get(key: string): StoredObject {
    const found = this.stored.get(key);
    if (!found) throw new S3Refusal(404, 'NoSuchKey');
    return found;
  }

  put(key: string, bytes: Buffer): StoredObject {
    const object = objectOf(bytes);
    this.stored.set(key, object);
    return object;
  }

  begin(key: string): Upload {
    const upload = { id: randomBytes(8).toString('hex'), key, startedAt: new Date(), parts: new Map() };
    this.uploads.set(upload.id, upload);
    return upload;
  }

  upload(key: string, id: string): Upload {
    const found = this.uploads.get(id);
    if (found?.key !== key) throw new S3Refusal(404, 'NoSuchUpload');
    return found;
  }

  putPart(key: string, id: string, number: number, bytes: Buffer): StoredObject {
    const part = objectOf(bytes);
    this.upload(key, id).parts.set(number, part);
    return part;
  }

  complete(key: string, id: string, named: readonly { number: number; etag: string }[]): StoredObject {
    const { parts } = this.upload(key, id);
    const chosen = named.map(({ number, etag }) => {
      const part = parts.get(number);
      if (part?.etag !== etag) throw new S3Refusal(400, 'InvalidPart');
      return part.bytes;
    });
    if (chosen.length === 0) throw new S3Refusal(400, 'MalformedXML');
    if (chosen.slice(0, -1).some((bytes) => bytes.length < MIN_PART_BYTES)) {
      throw new S3Refusal(400, 'EntityTooSmall');
    }
    this.uploads.delete(id);
    return this.put(key, Buffer.concat(chosen));
  }

  /** Keys below a prefix in the order of their bytes. */
  keys(prefix: string): readonly string[] {
    return [...this.stored.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}

function objectOf(bytes: Buffer): StoredObject {
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
  return { bytes, etag, changedAt: new Date() };
}
