import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { FarmError } from '../../shared/errors.ts';
import { silentLog } from '../../shared/log.ts';
import type { BuildRecord, ResolvedRequest } from '../builds/build-record.ts';
import type { BuildRequest } from '../catalog/build-request.ts';
import type { HttpDependencies, ServedFile } from './dependencies.ts';
import { sampleRecord } from './sample-record.test.support.ts';
import { type HttpServer, startHttpServer } from './server.ts';

const HASH = 'f'.repeat(64);
const BIN_DIR = 'b'.repeat(64);
const BYTES = Buffer.from('0123456789');
const BODY = { version: '24.10.4', target: 'ath79/generic', profile: 'generic', packages: ['vim'] };
const FINISHED_AT = Date.parse('2026-09-21T14:13:20.500Z');

/** What the fakes do and were asked, one set a test. */
interface World {
  record: BuildRecord;
  submitError: unknown;
  resolveError: unknown;
  ready: boolean;
  asked: BuildRequest[];
  openStreams: number;
  read: (bytes: Buffer) => Readable;
}

describe('the HTTP server', () => {
  let world: World;
  let server: HttpServer;

  beforeEach(async () => {
    world = {
      record: sampleRecord(),
      submitError: undefined,
      resolveError: undefined,
      ready: true,
      asked: [],
      openStreams: 0,
      read: (bytes) => Readable.from([bytes]),
    };
    server = await startHttpServer(fakes(), {
      host: '127.0.0.1',
      port: 0,
      times: { headersMs: 300, requestMs: 300, keepAliveMs: 5_000 },
      closeMs: 500,
    });
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await expect.poll(() => world.openStreams).toBe(0);
  });

  function fakes(): HttpDependencies {
    return {
      log: silentLog,
      resolve: async (request) => {
        world.asked.push(request);
        if (world.resolveError) throw world.resolveError;
        return resolvedOf(request);
      },
      builds: {
        submit: async () => {
          if (world.submitError) throw world.submitError;
          return world.record;
        },
        get: async (hash) => (hash === HASH ? world.record : undefined),
        queuedCount: async () => 7,
      },
      catalog: {
        overview: async () => Buffer.from('{"latest":[]}'),
        hasVersion: async (version) => version === '24.10.4',
        hasTarget: async ({ target }) => target === 'ath79/generic',
        profiles: async () => ({
          target: 'ath79/generic',
          architecture: 'mips_24kc',
          versionCode: 'r28959-29397011cc',
          kernel: undefined,
          defaultPackages: [],
          profiles: new Map(),
          aliases: new Map(),
        }),
      },
      files: { find: async (folder, name) => fileAt(folder, name) },
      readiness: async () => ({
        ready: world.ready,
        checks: { redis: { ok: world.ready, detail: 'x' }, nats: { ok: true } },
      }),
      metrics: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'wrtfarm_up 1\n' },
      routes: [(app) => app.get('/extra', async () => ({ extra: true }))],
    };
  }

  function resolvedOf(request: BuildRequest): ResolvedRequest {
    return { spec: world.record.spec, source: world.record.source, client: request.client };
  }

  function fileAt(folder: string, name: string): ServedFile | undefined {
    if ((folder !== BIN_DIR && folder !== HASH) || name !== 'image.bin') return undefined;
    return {
      name,
      binDir: BIN_DIR,
      sha256: sha256Hex(BYTES),
      sizeBytes: BYTES.length,
      finishedAt: FINISHED_AT,
      read: (range) => {
        const stream = world.read(range ? BYTES.subarray(range.start, range.end + 1) : BYTES);
        world.openStreams += 1;
        stream.once('close', () => {
          world.openStreams -= 1;
        });
        return stream;
      },
    };
  }

  const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
  const post = (body: unknown, path = '/api/v1/build', headers: Record<string, string> = {}) =>
    get(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  /** Bytes as they are, for what `fetch` does not let one send. */
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write(text));
      let answer = '';
      socket.on('data', (data) => {
        answer += data;
      });
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
    });

  describe('building', () => {
    test('a POST tells the build, its stage and position', async () => {
      const response = await post(BODY);
      expect(response.status).toBe(202);
      expect(await response.json()).toEqual({
        status: 202,
        detail: 'queued',
        queue_position: 0,
        enqueued_at: '2026-09-21T14:13:20.123+00:00',
        request_hash: HASH,
      });
      expect(response.headers.get('x-imagebuilder-status')).toBe('queued');
      expect(response.headers.get('x-queue-position')).toBe('0');
      expect(world.asked).toMatchObject([{ version: '24.10.4', packages: ['vim'], client: null }]);
    });

    test('a chunked body without length or User-Agent is taken', async () => {
      const text = JSON.stringify(BODY);
      const answer = await raw(
        'POST //api/v1//build?173 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n' +
          `Transfer-Encoding: chunked\r\n\r\n5\r\n${text.slice(0, 5)}\r\n` +
          `${(text.length - 5).toString(16)}\r\n${text.slice(5)}\r\n0\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 202 /);
    });

    test.each([
      ['auc (0.2.5)', 'auc/0.2.5'],
      ['auc/0.3.2-1', 'auc/0.3.2-1'],
      ['/usr/sbin/auc/0.3.2', 'auc/0.3.2'],
      ['Mozilla/5.0', null],
    ])('User-Agent %s is client %s', async (userAgent, client) => {
      await post(BODY, undefined, { 'user-agent': userAgent });
      expect(world.asked).toMatchObject([{ client }]);
      await post({ ...BODY, client: 'owut/1' }, undefined, { 'user-agent': userAgent });
      expect(world.asked.at(-1)).toMatchObject({ client: 'owut/1' });
    });

    test.each([
      ['text/plain', JSON.stringify(BODY), 'model_attributes_type'],
      ['application/json', '{', 'json_invalid'],
      ['application/json', '', 'missing'],
      ['application/json', '{"version":1}', 'string_type'],
    ])('a body of type %s, %j, is a 422', async (type, body, problem) => {
      const response = await post(body, undefined, { 'content-type': type });
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ status: 422, detail: { 0: { type: problem } } });
    });

    test('a body without a content type is a text', async () => {
      const answer = await raw(
        'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}',
      );
      expect(answer).toMatch(/^HTTP\/1\.1 422 /);
      expect(answer).toContain('model_attributes_type');
    });

    test('what resolving refuses is a 400, 422 or 503', async () => {
      world.resolveError = new FarmError('invalid_request', 'Unsupported distro: x');
      const refused = await post(BODY);
      expect([refused.status, await refused.json()]).toEqual([
        400,
        { detail: 'Unsupported distro: x', status: 400 },
      ]);
      world.resolveError = new FarmError('invalid_request', 'Unknown package(s): a, b', {
        details: { unknownPackages: ['a', 'b'] },
      });
      const unknown = await post(BODY);
      expect([unknown.status, await unknown.json(), unknown.headers.get('x-unknown-package')]).toEqual([
        422,
        { detail: 'Unknown package(s): a, b', status: 422 },
        'a',
      ]);
      world.resolveError = new FarmError('invalid_request', 'Field required', {
        details: { missingField: 'profile' },
      });
      const missing = await post({ version: '1', target: 'a/b' });
      expect([missing.status, await missing.json()]).toEqual([
        422,
        {
          detail: [
            {
              type: 'missing',
              loc: ['body', 'profile'],
              msg: 'Field required',
              input: { version: '1', target: 'a/b' },
            },
          ],
          status: 422,
        },
      ]);
      world.resolveError = new FarmError('unavailable', '.versions.json could not be read');
      expect((await post(BODY)).status).toBe(503);
    });

    test('overload is a 529 in asu’s words', async () => {
      world.submitError = new FarmError('resource_exhausted', 'full', { details: { queueLength: 201 } });
      const response = await post(BODY);
      expect(response.status).toBe(529);
      expect(response.headers.get('retry-after')).toBe('60');
      expect(await response.json()).toEqual({
        status: 529,
        title: 'Server overloaded',
        detail: 'server overload, queue contains too many build requests: 201',
      });
    });

    test('what we did not foresee is told without its text', async () => {
      world.submitError = new TypeError('redis password is hunter2');
      const response = await post(BODY);
      expect([response.status, await response.text()]).toEqual([
        500,
        '{"detail":"Internal Server Error","status":500}',
      ]);
    });

    test('a body above 4 MiB is refused, with and without a length', async () => {
      const response = await post(`"${'x'.repeat(4 * 1024 ** 2)}"`);
      expect([response.status, await response.json()]).toEqual([
        413,
        { detail: 'Request body is too large', status: 413 },
      ]);
      expect((await post(`"${'x'.repeat(4 * 1024 ** 2 - 2)}"`)).status).toBe(422);
      const chunked = await raw(
        'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
          `400001\r\n${'x'.repeat(4 * 1024 ** 2 + 1)}\r\n0\r\n\r\n`,
      );
      expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
    });

    test('no JSON at all makes it fail or crash', async () => {
      const key = fc.constantFrom(
        ...['distro', 'version', 'version_code', 'target', 'profile', 'packages', 'packages_versions'],
        ...['diff_packages', 'defaults', 'rootfs_size_mb', 'filesystem', 'repositories', 'repositories_mode'],
        ...['repository_keys', 'client', '__proto__', 'constructor'],
      );
      const value = fc.oneof(
        fc.jsonValue(),
        fc.string({ unit: 'binary' }),
        fc.constant(Number.POSITIVE_INFINITY),
      );
      const model = fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => {
        const members = entries.map(
          ([name, each]) =>
            `${JSON.stringify(name)}:${each === Number.POSITIVE_INFINITY ? '1e400' : JSON.stringify(each)}`,
        );
        return `{${members.join(',')}}`;
      });
      const body = fc.oneof(model, fc.json(), fc.string({ unit: 'binary' }));
      await fc.assert(
        fc.asyncProperty(body, async (text) => {
          const response = await post(text);
          await response.arrayBuffer();
          expect([202, 400, 422]).toContain(response.status);
        }),
        { numRuns: 300 },
      );
    });
  });

  describe('asking about a build', () => {
    test('GET and HEAD tell the same, HEAD without a body', async () => {
      const whole = await get(`/api/v1/build/${HASH}`);
      const head = await get(`/api/v1/build/${HASH}`, { method: 'HEAD' });
      expect(whole.status).toBe(202);
      expect(await whole.json()).toMatchObject({ enqueued_at: '2026-09-21T14:13:20.123Z' });
      expect([head.status, await head.text()]).toEqual([202, '']);
      for (const name of ['x-imagebuilder-status', 'x-queue-position', 'content-length', 'content-type']) {
        expect(head.headers.get(name)).toBe(whole.headers.get(name));
      }
    });

    test.each([['0'.repeat(64)], ['nonsense'], [HASH.toUpperCase()], ['x'.repeat(300)]])(
      '%s is not there',
      async (hash) => {
        const response = await get(`/api/v1/build/${hash}`);
        expect([response.status, await response.json()]).toEqual([
          404,
          { status: 404, title: 'Not Found', detail: 'could not find provided request hash' },
        ]);
        expect(response.headers.get('x-imagebuilder-status')).toBeNull();
      },
    );
  });

  describe('every response', () => {
    test.each([
      ['GET', '/json/v1/overview.json', 200],
      ['GET', '/api/v1/overview?1732', 200],
      ['HEAD', '/json/v1/overview.json', 200],
      ['GET', '/api/v1/stats', 200],
      ['GET', '/healthz', 200],
      ['GET', '/readyz', 200],
      ['GET', '/metrics', 200],
      ['GET', '/extra', 200],
      ['GET', `/store/${BIN_DIR}/image.bin`, 200],
      ['GET', `/store/${BIN_DIR}/none`, 404],
      ['GET', '/nowhere', 404],
      ['POST', '/nowhere', 404],
      ['DELETE', '/api/v1/build', 405],
      ['GET', '/api/v1/build', 405],
      ['POST', `/store/${BIN_DIR}/image.bin`, 405],
      ['GET', '/%zz', 400],
      ['GET', `/store/${'x'.repeat(1_100)}/y`, 414],
      ['OPTIONS', '/api/v1/build', 204],
      ['OPTIONS', '/nowhere', 204],
      ['GET', '///api///v1///stats//', 200],
      ['GET', '/api/v1/revision/24.10.4/ath79/generic', 200],
      ['GET', '/api/v1/revision/24.10.5/ath79/generic', 404],
      ['GET', '/api/v1/revision/19.07.7/ath79/generic', 400],
    ])('%s %s is %i, for any origin and never compressed', async (method, path, status) => {
      const response = await new Promise<{ status?: number; headers: NodeJS.Dict<string[]>; text: string }>(
        (resolve, reject) => {
          const options = { method, headers: { origin: 'http://192.168.1.1', 'accept-encoding': 'gzip' } };
          const request = httpRequest(`${server.url}${path}`, options, (message) => {
            let text = '';
            message.on('data', (data) => {
              text += data;
            });
            message.on('end', () =>
              resolve({ status: message.statusCode ?? 0, headers: message.headersDistinct, text }),
            );
          });
          request.on('error', reject).end();
        },
      );
      expect(response.status).toBe(status);
      expect(response.headers['access-control-allow-origin']).toEqual(['*']);
      expect(response.headers['content-encoding']).toBeUndefined();
      if (status >= 400)
        expect(JSON.parse(response.text)).toMatchObject({ status, detail: expect.any(String) });
      if (status === 405) expect(response.headers.allow?.[0]).toContain('OPTIONS');
      if (status === 204) {
        expect(response.headers['access-control-allow-methods']).toEqual(['GET, HEAD, POST, OPTIONS']);
        expect(response.headers['access-control-allow-headers']?.[0]).toMatch(/content-type/i);
        expect(response.headers['access-control-max-age']).toBeDefined();
      }
    });

    test('even one to what is not HTTP is JSON for any origin', async () => {
      const answer = await raw('NONSENSE\r\n\r\n');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('access-control-allow-origin: *');
      expect(answer).toContain('{"detail":"Bad Request","status":400}');
    });

    test('half a body holds nothing: it is hung up on', async () => {
      const answer = await raw(
        'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"ver',
      );
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(await raw('GET / HTTP/1.1\r\nHos')).toMatch(/^HTTP\/1\.1 408 /);
    });
  });

  test('the revision is told by its words', async () => {
    expect(await (await get('/api/v1/revision/24.10.4/ath79/generic')).json()).toEqual({
      revision: 'r28959-29397011cc',
    });
    expect(await (await get('/api/v1/revision/24.10.4/ath79/nand')).json()).toEqual({
      detail: 'Failed to fetch revision for 24.10.4/ath79/nand',
      status: 404,
    });
    expect(await (await get('/api/v1/revision/1/x/y')).json()).toEqual({
      detail: 'Unsupported version: 1',
      status: 400,
    });
  });

  test('readiness tells what is missing', async () => {
    world.ready = false;
    const response = await get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      ready: false,
      checks: { redis: { ok: false, detail: 'x' }, nats: { ok: true } },
      detail: 'not ready: redis',
      status: 503,
    });
    expect((await get('/healthz')).status).toBe(200);
  });

  describe('the store', () => {
    const image = `/store/${BIN_DIR}/image.bin`;

    test('serves a file with all its headers', async () => {
      const response = await get(image);
      expect(await response.text()).toBe('0123456789');
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-length': '10',
        'content-disposition': 'attachment; filename="image.bin"',
        'x-content-type-options': 'nosniff',
        'accept-ranges': 'bytes',
        etag: `"${sha256Hex(BYTES)}"`,
        'last-modified': 'Mon, 21 Sep 2026 14:13:20 GMT',
        'cache-control': 'public, max-age=31536000, immutable',
      });
    });

    test('HEAD tells the length and opens nothing', async () => {
      world.read = () => {
        throw new Error('opened');
      };
      const response = await get(image, { method: 'HEAD' });
      expect([response.status, response.headers.get('content-length')]).toEqual([200, '10']);
    });

    test('a request hash is an alias that is asked about again', async () => {
      const response = await get(`/store/${HASH}/image.bin`);
      expect(await response.text()).toBe('0123456789');
      expect(response.headers.get('cache-control')).toBe('no-cache');
    });

    test.each([
      ['bytes=2-5', '2345', 'bytes 2-5/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=8-', '89', 'bytes 8-9/10'],
    ])('%s is %s', async (range, text, contentRange) => {
      const response = await get(image, { headers: { range } });
      expect([response.status, await response.text()]).toEqual([206, text]);
      expect(response.headers.get('content-range')).toBe(contentRange);
      expect(response.headers.get('content-length')).toBe(String(text.length));
    });

    test('a range behind the end is told the length', async () => {
      const response = await get(image, { headers: { range: 'bytes=10-' } });
      expect(response.status).toBe(416);
      expect(response.headers.get('content-range')).toBe('bytes */10');
      expect(response.headers.get('cache-control')).toBeNull();
      expect(await response.json()).toMatchObject({ status: 416 });
    });

    test('a range of other bytes is not given', async () => {
      const etag = `"${sha256Hex(BYTES)}"`;
      const ranged = (ifRange: string) =>
        get(image, { headers: { range: 'bytes=0-1', 'if-range': ifRange } });
      const [same, other] = await Promise.all([ranged(etag), ranged('"other"')]);
      expect([same.status, await same.text()]).toEqual([206, '01']);
      expect([other.status, await other.text()]).toEqual([200, '0123456789']);
    });

    test.each<[Record<string, string>, number]>([
      [{ 'if-none-match': `"${sha256Hex(BYTES)}"` }, 304],
      [{ 'if-none-match': `"x", W/"${sha256Hex(BYTES)}"` }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"other"', 'if-modified-since': 'Mon, 21 Sep 2026 14:13:20 GMT' }, 200],
      [{ 'if-modified-since': 'Mon, 21 Sep 2026 14:13:20 GMT' }, 304],
      [{ 'if-modified-since': 'Mon, 21 Sep 2026 14:13:19 GMT' }, 200],
      [{ 'if-modified-since': 'nonsense' }, 200],
    ])('%j is %i', async (headers, status) => {
      const response = await get(image, { headers });
      expect(response.status).toBe(status);
      expect(await response.text()).toBe(status === 304 ? '' : '0123456789');
      expect(response.headers.get('etag')).toBe(`"${sha256Hex(BYTES)}"`);
    });

    test('a file that cannot be opened is a 500 that says nothing', async () => {
      world.read = () =>
        new Readable({
          read() {
            this.destroy(new Error('ENOENT /srv/secret'));
          },
        });
      const response = await get(image);
      expect([response.status, await response.text()]).toEqual([
        500,
        '{"detail":"Internal Server Error","status":500}',
      ]);
      expect(response.headers.get('etag')).toBeNull();
      expect(response.headers.get('cache-control')).toBeNull();
    });

    test('a client that goes away closes the file', async () => {
      world.read = () => new Readable({ read() {} });
      const leaving = new AbortController();
      const response = get(image, { signal: leaving.signal }).catch((thrown: unknown) => thrown);
      await expect.poll(() => world.openStreams).toBe(1);
      leaving.abort();
      await response;
      await expect.poll(() => world.openStreams).toBe(0);
    });
  });

  test('closing lets a request finish, refuses new ones, and is idempotent', async () => {
    let finish: (record: BuildRecord) => void = () => undefined;
    const slow = await startHttpServer(
      {
        ...fakes(),
        builds: {
          ...fakes().builds,
          get: () =>
            new Promise((resolve) => {
              finish = resolve;
              world.ready = false;
            }),
        },
      },
      { host: '127.0.0.1', port: 0, closeMs: 5_000 },
    );
    const underWay = fetch(`${slow.url}/api/v1/build/${HASH}`);
    await expect.poll(() => world.ready).toBe(false);
    const closed = Promise.all([slow[Symbol.asyncDispose](), slow[Symbol.asyncDispose]()]);
    finish(world.record);
    expect((await underWay).status).toBe(202);
    await closed;
    await expect(fetch(slow.url)).rejects.toThrow();
  });

  test('closing cuts what lasts too long', async () => {
    world.read = () => new Readable({ read() {} });
    const hanging = get(`/store/${BIN_DIR}/image.bin`).catch(() => 'cut');
    await expect.poll(() => world.openStreams).toBe(1);
    await server[Symbol.asyncDispose]();
    expect(await hanging).toBe('cut');
  });

  test('a port that is taken is told', async () => {
    await expect(startHttpServer(fakes(), { host: '127.0.0.1', port: server.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
