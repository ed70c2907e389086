import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Objects, S3Refusal } from './objects.ts';

export interface S3Request {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

export interface S3Habits {
  /** What becomes of `If-None-Match` on PUT: endpoints differ. */
  readonly conditions: 'kept' | 'ignored' | 'refused';
  readonly pageSize: number;
  readonly bucket: string;
}

/** Answers one request as S3 does. Source: Amazon S3 API reference. */
export function answer(objects: Objects, request: S3Request, habits: S3Habits): S3Answer {
  const { method, key, query, body } = request;
  requireSum(request);
  const uploadId = query.get('uploadId');
  if (key === '') {
    if (method === 'GET' && query.has('uploads')) return listUploads(objects, query);
    if (method === 'GET' && query.get('list-type') === '2') return list(objects, query, habits);
  } else if (method === 'GET' || method === 'HEAD') {
    return read(objects, request);
  } else if (method === 'PUT' && request.headers['x-amz-copy-source']) {
    return copy(objects, request, habits);
  } else if (method === 'PUT' && uploadId) {
    const { etag } = objects.putPart(key, uploadId, Number(query.get('partNumber')), body);
    return { status: 200, headers: { etag } };
  } else if (method === 'PUT') {
    return put(objects, request, habits);
  } else if (method === 'POST' && query.has('uploads')) {
    return xml('InitiateMultipartUploadResult', tag('UploadId', objects.begin(key).id));
  } else if (method === 'POST' && uploadId) {
    const parts = [...body.toString().matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
    }));
    return xml('CompleteMultipartUploadResult', tag('ETag', objects.complete(key, uploadId, parts).etag));
  } else if (method === 'DELETE' && uploadId) {
    objects.uploads.delete(objects.upload(key, uploadId).id);
    return { status: 204 };
  } else if (method === 'DELETE') {
    objects.stored.delete(key);
    return { status: 204 };
  }
  throw new S3Refusal(501, 'NotImplemented');
}

function requireSum({ headers, body }: S3Request): void {
  const sum = headers['x-amz-content-sha256'];
  if (typeof sum !== 'string' || !/^[0-9a-f]{64}$/.test(sum)) return;
  if (createHash('sha256').update(body).digest('hex') !== sum) {
    throw new S3Refusal(400, 'XAmzContentSHA256Mismatch');
  }
}

function put(objects: Objects, { key, headers, body }: S3Request, { conditions }: S3Habits): S3Answer {
  if (headers['if-none-match'] !== undefined) {
    if (conditions === 'refused') throw new S3Refusal(501, 'NotImplemented');
    if (conditions === 'kept' && objects.stored.has(key)) throw new S3Refusal(412, 'PreconditionFailed');
  }
  return { status: 200, headers: { etag: objects.put(key, body).etag } };
}

function copy(objects: Objects, { key, headers }: S3Request, { bucket }: S3Habits): S3Answer {
  const [from, ...source] = decodeURIComponent(String(headers['x-amz-copy-source'])).split('/');
  if (from !== bucket) throw new S3Refusal(404, 'NoSuchBucket');
  const { etag, changedAt } = objects.put(key, objects.get(source.join('/')).bytes);
  return xml('CopyObjectResult', tag('ETag', etag) + tag('LastModified', changedAt.toISOString()));
}

function read(objects: Objects, { method, key, query, headers }: S3Request): S3Answer {
  const { bytes, etag, changedAt } = objects.get(key);
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  const from = Number(start ?? 0);
  const to = Math.min(end ? Number(end) : bytes.length - 1, bytes.length - 1);
  if (start !== undefined && from >= bytes.length) throw new S3Refusal(416, 'InvalidRange');
  const sent = bytes.subarray(from, to + 1);
  return {
    status: start === undefined ? 200 : 206,
    headers: {
      etag,
      'last-modified': changedAt.toUTCString(),
      'content-length': String(sent.length),
      'content-type': query.get('response-content-type') ?? 'binary/octet-stream',
      ...(query.has('response-content-disposition')
        ? { 'content-disposition': query.get('response-content-disposition') ?? '' }
        : {}),
    },
    ...(method === 'HEAD' ? {} : { body: sent }),
  };
}

function list(objects: Objects, query: URLSearchParams, { pageSize }: S3Habits): S3Answer {
  const after = query.get('continuation-token') ?? '';
  const keys = objects.keys(query.get('prefix') ?? '').filter((key) => key > after);
  const page = keys.slice(0, pageSize);
  const contents = page.map((key) => {
    const { bytes, changedAt } = objects.get(key);
    const size = tag('Size', String(bytes.length));
    return `<Contents>${tag('Key', key)}${tag('LastModified', changedAt.toISOString())}${size}</Contents>`;
  });
  const next = keys.length > page.length ? tag('NextContinuationToken', page.at(-1) ?? '') : '';
  return xml('ListBucketResult', contents.join('') + next);
}

function listUploads(objects: Objects, query: URLSearchParams): S3Answer {
  const uploads = [...objects.uploads.values()].filter(({ key }) =>
    key.startsWith(query.get('prefix') ?? ''),
  );
  const entries = uploads.map(
    ({ key, id, startedAt }) =>
      `<Upload>${tag('Key', key)}${tag('UploadId', id)}${tag('Initiated', startedAt.toISOString())}</Upload>`,
  );
  return xml('ListMultipartUploadsResult', entries.join('') + tag('IsTruncated', 'false'));
}

function xml(name: string, content: string): S3Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function tag(name: string, text: string): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  return `<${name}>${escaped}</${name}>`;
}
