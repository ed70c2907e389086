import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { WireRequest } from '../support/wire.ts';
import { build, imagesOf, NO_HASH, X86 } from '../support/wire-builds.ts';
import { used } from './farm-with-agent.ts';

/* Contract 2.13 and pitfalls 2, 4, 17, 18, 19, 21: what holds for every path, whatever is asked there. */

const { wire } = used;
const REQUEST = { ...X86, packages: ['vim'] };
const CORTEX = 'aarch64_cortex-a53';
const ORIGIN = { Origin: 'http://192.168.1.1' };

/** A build whose record the store cannot read: no fault of the client's. */
const DAMAGED = 'd'.repeat(64);
/** What upstream does not tell; nothing else in this farm asks for it. */
const UNTOLD = { version: '23.05.6', target: 'mediatek/filogic', profile: 'openwrt_one' };

let hash: string;
let image: string;

beforeAll(async () => {
  const { artifacts, upstream } = used.farm;
  const damaged = join(artifacts, 'builds', DAMAGED.slice(0, 2), DAMAGED);
  await mkdir(damaged, { recursive: true });
  await writeFile(join(damaged, 'build.json'), '{');
  upstream.fault(/23\.05\.6\/(targets\/mediatek|packages\/aarch64)/, 'status-500');
  const done = await build(wire, REQUEST);
  hash = String(done.json.request_hash);
  image = `/store/${done.json.bin_dir}/${imagesOf(done)[0]?.name}`;
});

const json = (body: unknown): WireRequest => ({ body, headers: { 'Content-Type': 'application/json' } });

type Row = readonly [status: number, what: string, path: () => string, request?: WireRequest];

/** One request for each kind of answer. */
const ROWS: readonly Row[] = [
  [200, 'a finished build', () => '/api/v1/build', json(REQUEST)],
  [200, 'a poll', () => `/api/v1/build/${hash}`],
  [200, 'the same with HEAD', () => `/api/v1/build/${hash}`, { method: 'HEAD' }],
  [200, 'the overview', () => '/api/v1/overview'],
  [200, 'a revision', () => '/api/v1/revision/24.10.4/x86/64'],
  [200, 'an index', () => '/json/v1/releases/24.10.4/targets/x86/64/index.json'],
  [200, 'an image', () => image],
  [206, 'a part of an image', () => image, { headers: { Range: 'bytes=0-9' } }],
  [416, 'no part of an image', () => image, { headers: { Range: 'bytes=999999999-' } }],
  [304, 'an image the client has', () => image, { headers: { 'If-None-Match': '*' } }],
  [200, 'a number', () => '/api/v1/stats'],
  [200, 'a page', () => '/'],
  [400, 'a refusal', () => '/api/v1/build', json({ ...X86, version: '1.2' })],
  [422, 'an unknown package', () => '/api/v1/build', json({ ...X86, packages: ['no-such-package'] })],
  [422, 'broken JSON', () => '/api/v1/build', json('{')],
  [404, 'an unknown hash', () => `/api/v1/build/${NO_HASH}`],
  [404, 'no file', () => `/store/${NO_HASH}/image.bin`],
  [404, 'no such path', () => '/nowhere'],
  [404, 'an unknown revision', () => '/api/v1/revision/24.10.4/made/up'],
  [405, 'another method', () => '/api/v1/build', { method: 'DELETE' }],
  [413, 'too large a body', () => '/api/v1/build', json('x'.repeat(5 * 1024 ** 2))],
  [500, 'a build that would fail', () => '/api/v1/build', json({ ...X86, version_code: 'r1-0123456789' })],
  [500, 'a fault of ours', () => `/store/${DAMAGED}/image.bin`],
  [502, 'an index that upstream keeps back', () => `/json/v1/releases/23.05.6/packages/${CORTEX}-index.json`],
  [503, 'a build that upstream tells nothing of', () => '/api/v1/build', json(UNTOLD)],
  [400, 'a target of 2021 that is unknown', () => '/api/build', json({ version: '1.2', profile: 'a' })],
  [200, 'the versions of 2020', () => '/api/versions'],
];
const ANSWERS = ROWS.map(([status, what, path, request = {}]) => ({ status, what, path, request }));
const SMALL = ANSWERS.filter(({ status }) => status !== 413);

describe('LuCI and the Firmware Selector, from another origin', () => {
  test.each(ANSWERS)('$status, $what: may be read, said once', async ({ status, path, request }) => {
    const reply = await wire.send(path(), { ...request, headers: { ...request.headers, ...ORIGIN } });
    expect(reply.status).toBe(status);
    expect(reply.headers('access-control-allow-origin')).toEqual(['*']);
    expect(reply.headers('access-control-allow-credentials')).toEqual([]);
    const exposed = reply.header('access-control-expose-headers')?.split(', ') ?? [];
    expect(exposed).toEqual(expect.arrayContaining(['X-Imagebuilder-Status', 'X-Queue-Position']));
  });

  test.each([
    '/api/v1/build',
    `/api/v1/build/${NO_HASH}`,
    '/api/v1/overview',
    `/store/${NO_HASH}/a`,
    '/nowhere',
    '//api/v1/build?1',
    '/api/build',
  ])('a preflight of %s is answered 2xx with what may be asked', async (path) => {
    const reply = await wire.send(path, {
      method: 'OPTIONS',
      headers: {
        ...ORIGIN,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type',
      },
    });
    expect(reply.status).toBe(204);
    expect(reply.headers('access-control-allow-origin')).toEqual(['*']);
    expect(reply.header('access-control-allow-methods')).toBe('GET, HEAD, POST, OPTIONS');
    expect(reply.header('access-control-allow-headers')?.toLowerCase()).toContain('content-type');
    expect(reply.header('access-control-allow-headers')?.toLowerCase()).toContain('x-api-key');
    expect(Number(reply.header('access-control-max-age'))).toBeGreaterThan(0);
  });

  test.each(ANSWERS.filter(({ status }) => status >= 400))(
    '$status, $what: is JSON with `detail` and `status`',
    async ({ status, path, request }) => {
      const reply = await wire.send(path(), request);
      expect(reply.header('content-type')).toMatch(/^application\/json/);
      expect(reply.json).toHaveProperty('detail');
      if (path() !== '/api/build') expect(reply.json.status).toBe(status);
    },
  );

  test('what is not even HTTP is told the same way', async () => {
    const socket = connect(Number(new URL(used.farm.url).port), '127.0.0.1');
    socket.end('BREW /pot HTCPCP/1.0\r\n\r\n');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(head.match(/access-control-allow-origin: \*/gi)?.length).toBe(1);
    expect(JSON.parse(body)).toEqual({ detail: 'Bad Request', status: 400 });
  });
});

describe("a query, such as LuCI's cache-buster, is ignored", () => {
  test.each(SMALL)('$status, $what', async ({ status, path, request }) => {
    expect((await wire.send(`${path()}?1732386000000`, request)).status).toBe(status);
  });
});

describe('any number of slashes is one', () => {
  test.each(SMALL)('$status, $what', async ({ status, path, request }) => {
    for (const slashes of [`/${path()}`, `//${path().replaceAll('/', '//')}`, `${path()}/`]) {
      expect((await wire.send(slashes, request)).status, slashes).toBe(status);
    }
  });
});

describe('a body', () => {
  test.each(['/api/v1/build', '//api/v1/build?1732386000000', '/api/build'])(
    'owut and auc send it in chunks, its length unsaid, to %s',
    async (path) => {
      const reply = await wire.send(path, { ...json(REQUEST), chunked: true });
      expect(reply.status).toBe(200);
    },
  );

  test('of half a megabyte is taken: long lists of packages and a script', async () => {
    const reply = await wire.send('/api/v1/build', {
      ...json({ ...REQUEST, a_key_of_the_future: 'x'.repeat(512 * 1024) }),
      chunked: true,
    });
    expect(reply.status).toBe(200);
  });

  test('may say its charset, and be of a kind of JSON', async () => {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.api+json']) {
      const reply = await wire.send('/api/v1/build', { body: REQUEST, headers: { 'Content-Type': type } });
      expect(reply.status, type).toBe(200);
    }
  });
});

describe('a client need not', () => {
  test('tell its name, where asu answers 500', async () => {
    const reply = await wire.send('/api/v1/build', json(REQUEST));
    expect(reply.status).toBe(200);
  });

  test('take compressed bytes: nothing is ever encoded', async () => {
    for (const path of ['/json/v1/overview.json', `/api/v1/build/${hash}`, image]) {
      const reply = await wire.send(path, { headers: { 'Accept-Encoding': 'gzip, br' } });
      expect(reply.header('content-encoding')).toBeUndefined();
      expect(Number(reply.header('content-length'))).toBe(reply.bytes.length);
    }
  });
});
