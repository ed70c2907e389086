import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BuildRecord } from '../builds/build-record.ts';
import { sendRaw } from './send-raw.test.support.ts';
import { startHttpServer } from './server.ts';
import { BIN_DIR, HASH, startTestServer, type TestServer } from './test-server.test.support.ts';

describe('the HTTP server', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await expect.poll(() => server.world.openStreams).toBe(0);
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
      ['GET', '/', 200],
      ['GET', '/stats', 200],
      ['GET', '/docs', 200],
      ['GET', '/redoc/', 200],
      ['GET', '/openapi.json', 200],
      ['GET', '/api/overview', 200],
      ['GET', '/overview?1732', 200],
      ['GET', '/api/v1/latest/', 200],
      ['HEAD', '/json/v1/latest.json', 200],
      ['GET', '/json//v1///branches.json', 200],
      ['GET', '/json/latest.json', 200],
      ['GET', '/json/branches.json', 200],
      ['GET', '/json/v1/releases/24.10.4/targets/x86/64/index.json', 200],
      ['GET', '/json/releases/24.10.4/packages/x86_64-index.json', 200],
      ['GET', '/json/v1/releases/24.10.4/targets/x86/64/generic.json', 200],
      ['GET', '/json/v1/releases/19.07.7/targets/x86/64/index.json', 200],
      ['GET', '/json/v1/releases/19.07.7/targets/x86/64/generic.json', 404],
      ['GET', '/json/v1/nonsense.json', 404],
      ['POST', '/json/v1/nonsense.json', 405],
      ['GET', '/api/versions', 200],
      ['GET', '/api/profiles/SNAPSHOT', 200],
      ['GET', '/names-SNAPSHOT.json', 200],
      ['GET', '/api/v1/stats/summary', 200],
      ['GET', '/api/v1/builds-per-day', 200],
      ['GET', '/api/v1/stats/builds-by-version?branch=24.10', 200],
      ['GET', '/api/v1/top-packages?n=100', 200],
      ['GET', '/api/v1/build-errors', 200],
      ['POST', '/api/v1/stats/summary', 405],
      ['GET', '/store', 404],
      ['GET', '/store/..%2f..%2fetc/passwd', 404],
      ['GET', '/store/a/b/c/d/e/f', 404],
      ['HEAD', '/store/a/b/c', 404],
      ['PUT', '/store/a/b/c', 405],
      ['GET', '/a/b/c/d/e/buildlog.txt', 404],
      ['GET', '/api/build', 405],
      ['GET', `/api/build/${HASH}`, 202],
      ['HEAD', `/api/build/${HASH}`, 202],
      ['GET', '/api/build/nonsense', 404],
      ['OPTIONS', '/api/build', 204],
      ['GET', '/nowhere', 404],
      ['POST', '/nowhere', 404],
      ['DELETE', '/api/v1/build', 405],
      ['GET', '/api/v1/build', 405],
      ['POST', `/store/${BIN_DIR}/image.bin`, 405],
      ['GET', '/%zz', 400],
      ['GET', `/api/v1/build/${'x'.repeat(1_100)}`, 414],
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
      if (status >= 400 && method !== 'HEAD') {
        const told = path.startsWith('/api/build/') ? 'not_found' : status;
        expect(JSON.parse(response.text)).toMatchObject({ status: told, detail: expect.any(String) });
      }
      if (status === 405) expect(response.headers.allow?.[0]).toContain('OPTIONS');
      if (status === 204) {
        expect(response.headers['access-control-allow-methods']).toEqual(['GET, HEAD, POST, OPTIONS']);
        expect(response.headers['access-control-allow-headers']?.[0]).toMatch(/content-type/i);
        expect(response.headers['access-control-max-age']).toBeDefined();
      }
    });

    test('even one to what is not HTTP is JSON for any origin', async () => {
      const answer = await sendRaw(server.port, 'NONSENSE\r\n\r\n');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('access-control-allow-origin: *');
      expect(answer).toContain('{"detail":"Bad Request","status":400}');
    });

    test('even one to an expectation that is not met', async () => {
      const answer = await sendRaw(
        server.port,
        'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nContent-Length: 2\r\n\r\n{}',
      );
      expect(answer).toMatch(/^HTTP\/1\.1 417 /);
      expect(answer).toContain('access-control-allow-origin: *');
      expect(answer).toContain('{"detail":"Expectation Failed","status":417}');
    });

    test('half a body holds nothing: it is hung up on', async () => {
      const answer = await sendRaw(
        server.port,
        'POST /api/v1/build HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"ver',
      );
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
      expect(await sendRaw(server.port, 'GET / HTTP/1.1\r\nHos')).toMatch(/^HTTP\/1\.1 408 /);
    });
  });

  test('the revision is told by its words', async () => {
    expect(await (await fetch(`${server.url}/api/v1/revision/24.10.4/ath79/generic`)).json()).toEqual({
      revision: 'r28959-29397011cc',
    });
    expect(await (await fetch(`${server.url}/api/v1/revision/24.10.4/ath79/nand`)).json()).toEqual({
      detail: 'Failed to fetch revision for 24.10.4/ath79/nand',
      status: 404,
    });
    expect(await (await fetch(`${server.url}/api/v1/revision/1/x/y`)).json()).toEqual({
      detail: 'Unsupported version: 1',
      status: 400,
    });
  });

  test('the versions of v0.3.0 come with the key of each, where it is known', async () => {
    expect(await (await fetch(`${server.url}/api/versions`)).json()).toEqual({
      SNAPSHOT: {
        branch: 'master',
        path: 'snapshots',
        pubkey: 'RWS1BD5w+adc3j2Hqg9+b66CvLR7NlHbsj7wjNVj0XGt/othDgIAOJS+',
      },
      '99.01.0': { branch: 'openwrt-99.01', path: 'releases/99.01.0', pubkey: '' },
      branches: [{ name: 'snapshot', latest: 'snapshot' }],
    });
  });

  test('readiness tells what is missing', async () => {
    server.world.ready = false;
    const response = await fetch(`${server.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      ready: false,
      checks: { redis: { ok: false, detail: 'x' }, nats: { ok: true } },
      detail: 'not ready: redis',
      status: 503,
    });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test('closing lets a request finish, refuses new ones, and is idempotent', async () => {
    let finish: (record: BuildRecord) => void = () => undefined;
    const slow = await startHttpServer(
      {
        ...server.deps,
        builds: {
          ...server.deps.builds,
          get: () =>
            new Promise((resolve) => {
              finish = resolve;
              server.world.ready = false;
            }),
        },
      },
      { host: '127.0.0.1', port: 0, closeMs: 5_000 },
    );
    const underWay = fetch(`${slow.url}/api/v1/build/${HASH}`);
    await expect.poll(() => server.world.ready).toBe(false);
    const closed = Promise.all([slow[Symbol.asyncDispose](), slow[Symbol.asyncDispose]()]);
    finish(server.world.record);
    expect((await underWay).status).toBe(202);
    await closed;
    await expect(fetch(slow.url)).rejects.toThrow();
  });

  test('closing cuts what lasts too long', async () => {
    server.world.read = () => new Readable({ read() {} });
    const hanging = fetch(`${server.url}/store/${BIN_DIR}/image.bin`).catch(() => 'cut');
    await expect.poll(() => server.world.openStreams).toBe(1);
    await server[Symbol.asyncDispose]();
    expect(await hanging).toBe('cut');
  });

  test('a port that is taken is told', async () => {
    await expect(
      startHttpServer(server.deps, { host: '127.0.0.1', port: server.port }),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
