import { describe, expect, test } from 'vitest';
import { NO_HASH, X86 } from '../support/wire-builds.ts';
import { used } from './farm-without-agent.ts';

/* Contract 2.1: which paths there are, for whom, and what each says to a request it cannot serve. */

const { wire } = used;

const OVERVIEW_KEYS = ['branches', 'latest', 'server', 'upstream_url'];
const JSON_TYPE = 'application/json; charset=utf-8';

describe('POST /api/v1/build', () => {
  test('every client gets 202 and what it polls with', async () => {
    const reply = await wire.post('/api/v1/build', X86);
    expect(reply.status).toBe(202);
    expect(reply.header('content-type')).toBe(JSON_TYPE);
    expect(reply.json).toMatchObject({ status: 202, detail: 'queued', queue_position: expect.any(Number) });
    expect(reply.json.request_hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    { status: 400, what: 'what upstream does not offer', body: { ...X86, version: '24.10.99' } },
    { status: 422, what: 'a body that is no build request', body: { version: '24.10.4' } },
    { status: 422, what: 'a package nobody has', body: { ...X86, packages: ['no-such-package'] } },
  ])('$status answers $what, as JSON with detail and status', async ({ status, body }) => {
    const reply = await wire.post('/api/v1/build', body);
    expect(reply.status).toBe(status);
    expect(reply.header('content-type')).toBe(JSON_TYPE);
    expect(reply.json).toMatchObject({ status, detail: expect.anything() });
  });
});

describe('GET and HEAD /api/v1/build/{hash}', () => {
  test('LuCI, the Firmware Selector and auc poll with GET', async () => {
    const { request_hash: hash } = (await wire.post('/api/v1/build', X86)).json;
    const reply = await wire.get(`/api/v1/build/${hash}`);
    expect(reply.status).toBe(202);
    expect(reply.json).toMatchObject({ status: 202, detail: 'queued', request_hash: hash });
  });

  test('owut polls with HEAD: the status and headers of GET, and no body', async () => {
    const { request_hash: hash } = (await wire.post('/api/v1/build', X86)).json;
    const [head, get] = [
      await wire.send(`/api/v1/build/${hash}`, { method: 'HEAD' }),
      await wire.get(`/api/v1/build/${hash}`),
    ];
    expect(head.status).toBe(get.status);
    expect(head.bytes.length).toBe(0);
    for (const name of ['x-imagebuilder-status', 'x-queue-position', 'content-type', 'content-length']) {
      expect(head.header(name), name).toBe(get.header(name));
    }
  });

  test.each(['an unknown hash', 'what is no hash'])('%s is a 404 without X- headers', async (what) => {
    const hash = what === 'an unknown hash' ? NO_HASH : 'hello';
    const [head, get] = [
      await wire.send(`/api/v1/build/${hash}`, { method: 'HEAD' }),
      await wire.get(`/api/v1/build/${hash}`),
    ];
    expect(get.json).toEqual({
      status: 404,
      title: 'Not Found',
      detail: 'could not find provided request hash',
    });
    for (const reply of [head, get]) {
      expect(reply.status).toBe(404);
      expect(reply.headerNames.filter((name) => name.startsWith('x-'))).toEqual([]);
    }
  });
});

describe('GET /api/v1/revision/{version}/{target}/{subtarget}', () => {
  test.each([
    ['LuCI E on a release', '24.10.4', 'r28959-29397011cc'],
    ['LuCI C on a snapshot', 'SNAPSHOT', 'r34876-4d2c7e9b10'],
  ])('%s reads `revision`', async (_client, version, revision) => {
    const reply = await wire.get(`/api/v1/revision/${version}/x86/64`);
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({ revision });
  });

  test('a branch nobody knows is a 400', async () => {
    const reply = await wire.get('/api/v1/revision/18.06.1/x86/64');
    expect(reply.status).toBe(400);
    expect(reply.json).toEqual({ detail: 'Unsupported version: 18.06.1', status: 400 });
  });

  test.each([
    ['a target', '24.10.4/made/up'],
    ['a version', '24.10.99/x86/64'],
  ])('%s that upstream does not have is the 404 that upstream gives', async (_what, path) => {
    const reply = await wire.get(`/api/v1/revision/${path}`);
    expect(reply.status).toBe(404);
    expect(reply.json).toEqual({ detail: `Failed to fetch revision for ${path}`, status: 404 });
  });
});

describe('lists', () => {
  test.each([
    ['owut', '/json/v1/overview.json'],
    ['LuCI D and E', '/api/v1/overview'],
    ['LuCI C, which asu answers with 404', '/api/overview'],
    ['asu has a redirect here', '/overview'],
  ])('%s: the overview is at %s, answered directly', async (_client, path) => {
    const reply = await wire.get(path);
    expect(reply.status).toBe(200);
    expect(reply.header('content-type')).toBe(JSON_TYPE);
    expect(Object.keys(reply.json).sort()).toEqual(OVERVIEW_KEYS);
  });

  test.each([
    ['whoever follows asu', '/json/v1/latest.json'],
    ['asu has a redirect here', '/api/v1/latest'],
    ['LuCI B', '/json/latest.json'],
  ])('%s: the newest versions are at %s', async (_client, path) => {
    const reply = await wire.get(path);
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({ latest: ['25.12.0', '24.10.4'] });
  });

  test.each([
    ['auc 0.3.2', '/json/v1/branches.json'],
    ['auc 0.1.5 to 0.2.4', '/json/branches.json'],
  ])('%s: an array of branches is at %s', async (_client, path) => {
    const reply = await wire.get(path);
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.text)).toBeInstanceOf(Array);
  });
});

describe('documents of upstream', () => {
  test.each(['/json/v1', '/json'])('auc and owut read the indexes and profiles below %s', async (root) => {
    const [target, architecture, profile] = [
      await wire.get(`${root}/releases/24.10.4/targets/x86/64/index.json`),
      await wire.get(`${root}/releases/24.10.4/packages/x86_64-index.json`),
      await wire.get(`${root}/releases/24.10.4/targets/x86/64/generic.json`),
    ];
    expect([target, architecture, profile].map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(Object.keys(target.json).sort()).toEqual(['architecture', 'packages']);
    expect(architecture.json.vim).toMatch(/^9\.1/);
    expect(profile.json).toMatchObject({ id: 'generic', metadata_version: 1 });
  });

  test.each([
    ['the index of a target', 'releases/24.10.4/targets/made/up/index.json'],
    ['the index of an architecture', 'releases/24.10.4/packages/sparc-index.json'],
    ['a profile', 'releases/24.10.4/targets/ath79/generic/nobody_nothing.json'],
  ])('%s that is not there is an empty object, which auc takes for a failure', async (_what, path) => {
    const reply = await wire.get(`/json/v1/${path}`);
    expect([reply.status, reply.text]).toEqual([200, '{}']);
  });

  test.each([
    ['a profile of a target that is not there, where asu answers 500', 'releases/24.10.4/targets/a/b/c.json'],
    ['an odd path, where asu answers 500', 'nonsense/index.json'],
    ['a way out of the tree', 'releases/24.10.4/targets/..%2f..%2f..%2fetc/x/passwd.json'],
  ])('%s is a 404', async (_what, path) => {
    const reply = await wire.get(`/json/v1/${path}`);
    expect(reply.status).toBe(404);
    expect(reply.json).toMatchObject({ status: 404, detail: expect.any(String) });
  });
});

test("a file that is not in the store is a 404 with asu's text", async () => {
  for (const method of ['GET', 'HEAD']) {
    const reply = await wire.send(`/store/${NO_HASH}/image.bin`, { method });
    expect(reply.status).toBe(404);
    if (method === 'GET') expect(reply.json).toEqual({ detail: 'Not found', status: 404 });
  }
});

test.each([
  ['/', 'wrtfarm'],
  ['/stats', 'Statistics'],
  ['/docs', '/api/v1/build'],
  ['/redoc', '/api/v1/build'],
])('%s is a page for people', async (path, text) => {
  const reply = await wire.get(path);
  expect(reply.status).toBe(200);
  expect(reply.header('content-type')).toMatch(/^text\/html/);
  expect(reply.text).toContain(text);
});

test('/openapi.json tells every path of the client API, with the request model', async () => {
  const { openapi, paths } = (await wire.get('/openapi.json')).json;
  expect(openapi).toMatch(/^3\.1/);
  expect(Object.keys(paths as object)).toEqual(
    expect.arrayContaining([
      ...['/api/v1/build', '/api/v1/build/{hash}', '/api/v1/overview', '/api/v1/latest', '/api/v1/stats'],
      ...['/api/v1/revision/{version}/{target}/{subtarget}', '/json/v1/branches.json', '/api/versions'],
      ...['/store/{folder}/{name}', '/api/v1/stats/summary', '/api/build', '/api/build/{hash}'],
    ]),
  );
  const text = JSON.stringify(paths);
  for (const key of ['packages_versions', 'rootfs_size_mb', 'repository_keys']) expect(text).toContain(key);
});

describe('what asu answers in a way that hurts', () => {
  test("an unknown path is a 404 with asu's text, as JSON", async () => {
    const reply = await wire.get('/api/v2/build');
    expect(reply.status).toBe(404);
    expect(reply.json).toEqual({ detail: 'Not Found', status: 404 });
  });

  test.each([
    ['GET', '/api/v1/build', 'POST'],
    ['DELETE', '/api/v1/build', 'POST'],
    ['POST', '/api/v1/overview', 'GET'],
    ['PUT', '/json/v1/latest.json', 'GET'],
    ['POST', `/store/${NO_HASH}/image.bin`, 'GET'],
    ['POST', `/api/v1/build/${NO_HASH}`, 'HEAD'],
  ])('%s %s is a 405 that names the methods there are', async (method, path, allowed) => {
    const reply = await wire.send(path, { method });
    expect(reply.status).toBe(405);
    expect(reply.json).toEqual({ detail: 'Method Not Allowed', status: 405 });
    expect(reply.header('allow')?.split(', ')).toContain(allowed);
  });

  test.each([
    '/json/v1/overview.json',
    '/json/v1/branches.json',
    '/json/v1/latest.json',
    '/api/v1/revision/24.10.4/x86/64',
    '/json/v1/releases/24.10.4/packages/x86_64-index.json',
    '/api/v1/stats',
  ])('HEAD %s is answered like GET, where asu has 405', async (path) => {
    const head = await wire.send(path, { method: 'HEAD' });
    const get = await wire.get(path);
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.header('content-length')).toBe(get.header('content-length'));
  });

  test.each([
    ['one at the end, where asu has 307', '/api/v1/build/'],
    ['two at the beginning, where asu has 405', '//api/v1/build'],
    ['two within, where asu has 404', '/api/v1//build'],
    ['everywhere, and a query', '///api//v1///build//?1732386000000'],
  ])('slashes: %s', async (_what, path) => {
    const reply = await wire.post(path, X86);
    expect(reply.status).toBe(202);
  });
});
