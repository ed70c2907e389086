import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FarmError } from '../../../shared/errors.ts';
import { sendRaw } from '../send-raw.test.support.ts';
import { BODY, HASH, startTestServer, type TestServer } from '../test-server.test.support.ts';

describe('asking for a build', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await expect.poll(() => server.world.openStreams).toBe(0);
  });

  test('a POST tells the build, its stage and position', async () => {
    const response = await server.post(BODY);
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      status: 202,
      detail: 'queued',
      queue_position: 0,
      eta_seconds: 95,
      enqueued_at: '2026-09-21T14:13:20.123+00:00',
      request_hash: HASH,
    });
    expect(response.headers.get('x-imagebuilder-status')).toBe('queued');
    expect(response.headers.get('x-queue-position')).toBe('0');
    expect(server.asked).toMatchObject([{ version: '24.10.4', packages: ['vim'], client: null }]);
  });

  test('a body that is known from one client is another client’s all the same', async () => {
    for (const client of ['ann', 'ann', 'ann', 'ben']) await server.post(BODY, { 'x-test-client': client });
    expect(server.asked).toHaveLength(2);
    expect(server.owners).toEqual(['ann', 'ann', 'ann', 'ben']);
  });

  test('a chunked body without length or User-Agent is taken', async () => {
    const text = JSON.stringify(BODY);
    const answer = await sendRaw(
      server.port,
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
    await server.post(BODY, { 'user-agent': userAgent });
    expect(server.asked).toMatchObject([{ client }]);
    await server.post({ ...BODY, client: 'owut/1' }, { 'user-agent': userAgent });
    expect(server.asked.at(-1)).toMatchObject({ client: 'owut/1' });
  });

  test.each([
    ['text/plain', JSON.stringify(BODY), 'model_attributes_type'],
    ['a/b; ;;=', JSON.stringify(BODY), 'model_attributes_type'],
    ['application/json', '{', 'json_invalid'],
    ['application/json', '', 'missing'],
    ['application/json', '{"version":1}', 'string_type'],
  ])('a body of type %s, %j, is a 422', async (type, body, problem) => {
    const response = await server.post(body, { 'content-type': type });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ status: 422, detail: { 0: { type: problem } } });
  });

  test('a content type that is none makes the body a text', async () => {
    const response = await server.post(BODY, { 'content-type': 'nonsense' });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ detail: { 0: { type: 'model_attributes_type' } } });
  });

  test('a body without a content type is a text', async () => {
    const answer = await sendRaw(
      server.port,
      'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 422 /);
    expect(answer).toContain('model_attributes_type');
  });

  test('what resolving refuses is a 400, 422 or 503', async () => {
    server.world.resolveError = new FarmError('invalid_request', 'Unsupported distro: x');
    const refused = await server.post(BODY);
    expect([refused.status, await refused.json()]).toEqual([
      400,
      { detail: 'Unsupported distro: x', status: 400 },
    ]);
    server.world.resolveError = new FarmError('invalid_request', 'Unknown package(s): a, b', {
      details: { unknownPackages: ['a', 'b'] },
    });
    const unknown = await server.post(BODY);
    expect([unknown.status, await unknown.json(), unknown.headers.get('x-unknown-package')]).toEqual([
      422,
      { detail: 'Unknown package(s): a, b', status: 422 },
      'a',
    ]);
    server.world.resolveError = new FarmError('invalid_request', 'Field required', {
      details: { missingField: 'profile' },
    });
    const missing = await server.post({ version: '1', target: 'a/b' });
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
    server.world.resolveError = new FarmError('unavailable', 'connect ECONNREFUSED 10.0.0.1:80', {
      details: { document: '.versions.json' },
    });
    const unavailable = await server.post(BODY);
    expect([unavailable.status, unavailable.headers.get('retry-after'), await unavailable.json()]).toEqual([
      503,
      '5',
      { detail: '.versions.json could not be read from upstream. Please try again later.', status: 503 },
    ]);
  });

  test('overload is a 529 in asu’s words', async () => {
    server.world.submitError = new FarmError('resource_exhausted', 'full', { details: { queueLength: 201 } });
    const response = await server.post(BODY);
    expect(response.status).toBe(529);
    expect(response.headers.get('retry-after')).toBe('60');
    expect(await response.json()).toEqual({
      status: 529,
      title: 'Server overloaded',
      detail: 'server overload, queue contains too many build requests: 201',
    });
  });

  test('what we did not foresee is told without its text', async () => {
    server.world.submitError = new TypeError('redis password is hunter2');
    const response = await server.post(BODY);
    expect([response.status, await response.text()]).toEqual([
      500,
      '{"detail":"Internal Server Error","status":500}',
    ]);
  });

  test('a body above 1 MiB is refused, with and without a length', async () => {
    const response = await server.post(`"${'x'.repeat(1024 ** 2)}"`);
    expect([response.status, await response.json()]).toEqual([
      413,
      { detail: 'Request body is too large', status: 413 },
    ]);
    expect((await server.post(`"${'x'.repeat(1024 ** 2 - 2)}"`)).status).toBe(422);
    const chunked = await sendRaw(
      server.port,
      'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
        `100001\r\n${'x'.repeat(1024 ** 2 + 1)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('GET and HEAD tell the same, HEAD without a body', async () => {
    const whole = await fetch(`${server.url}/api/v1/build/${HASH}`);
    const head = await fetch(`${server.url}/api/v1/build/${HASH}`, { method: 'HEAD' });
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
      const response = await fetch(`${server.url}/api/v1/build/${hash}`);
      expect([response.status, await response.json()]).toEqual([
        404,
        { status: 404, title: 'Not Found', detail: 'could not find provided request hash' },
      ]);
      expect(response.headers.get('x-imagebuilder-status')).toBeNull();
    },
  );
});
