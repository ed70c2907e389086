import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { answer, type S3Habits, type S3Request } from './s3/answer.ts';
import { Objects, S3Refusal } from './s3/objects.ts';
import { signatureProblem } from './s3/signature.ts';

/** What becomes of a request instead of its answer: a status, the connection cut, no answer ever, or the connection cut after so many bytes of the answer. */
export type S3Fault = number | 'cut' | 'silence' | { readonly cutAfterBytes: number };

export interface S3Options extends Partial<Pick<S3Habits, 'conditions' | 'pageSize'>> {}

/** A bucket on loopback that keeps the rules of S3: signatures, sums, parts, conditions. Holds all in memory. */
export interface TestS3 extends AsyncDisposable {
  /** The settings of a coordinator that uses it. */
  readonly settings: Readonly<Record<'s3Endpoint' | 's3Bucket' | 's3AccessKey' | 's3SecretKey', string>>;
  readonly objects: Objects;
  /** Requests that came, as `PUT key` or `GET ?list-type=2`, with the query where there is one. */
  readonly requests: readonly string[];
  /** Answers that are on their way. */
  readonly underWay: number;
  /** Asked before each request. Without effect where it says nothing. */
  fault: ((request: Pick<S3Request, 'method' | 'key' | 'query'>) => S3Fault | undefined) | undefined;
}

const BUCKET = 'firmware';
const KEYS = { accessKey: 'AKIATEST', secretKey: 'a secret/of+the bucket' };

export async function startS3(options: S3Options = {}): Promise<TestS3> {
  const habits: S3Habits = { conditions: 'kept', pageSize: 1_000, bucket: BUCKET, ...options };
  const objects = new Objects();
  const requests: string[] = [];
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
    });
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('the server has no port');

  const s3: TestS3 = {
    settings: {
      s3Endpoint: `http://127.0.0.1:${address.port}`,
      s3Bucket: BUCKET,
      s3AccessKey: KEYS.accessKey,
      s3SecretKey: KEYS.secretKey,
    },
    objects,
    requests,
    get underWay() {
      return underWay;
    },
    fault: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', s3.settings.s3Endpoint);
    const [, bucket, ...path] = url.pathname.split('/').map(decodeURIComponent);
    const [method, key, query] = [request.method ?? '', path.join('/'), url.searchParams];
    requests.push(`${method} ${key}${url.search}`);
    const fault = s3.fault?.({ method, key, query });
    if (fault === 'silence') return;
    if (fault === 'cut') {
      response.destroy();
      return;
    }
    try {
      if (typeof fault === 'number') throw new S3Refusal(fault, fault === 503 ? 'SlowDown' : 'InternalError');
      const problem = signatureProblem(request, url, KEYS);
      if (problem) throw new S3Refusal(403, problem);
      if (bucket !== BUCKET) throw new S3Refusal(404, 'NoSuchBucket');
      const body = await buffer(request);
      const answered = answer(objects, { method, key, query, headers: request.headers, body }, habits);
      if (typeof fault === 'object' && fault.cutAfterBytes === 0) {
        response.destroy();
        return;
      }
      response.writeHead(answered.status, answered.headers);
      if (typeof fault === 'object' && answered.body) {
        const part = Buffer.from(answered.body).subarray(0, fault.cutAfterBytes);
        response.write(part, () => response.destroy());
      } else response.end(answered.body);
    } catch (thrown) {
      const { status, code } = thrown instanceof S3Refusal ? thrown : new S3Refusal(500, 'InternalError');
      // What is still coming is taken, so that the client reads the answer.
      request.resume();
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(
        method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>${code}</Message></Error>`,
      );
    }
  }
  return s3;
}
