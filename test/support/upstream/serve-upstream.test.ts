import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasCode } from '../../../shared/errors.ts';
import { serveUpstream, type UpstreamServer } from './serve-upstream.ts';

let directory: string;
let server: UpstreamServer;
const BODY = '0123456789';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'serve-upstream-'));
  await mkdir(join(directory, 'tree/folder'), { recursive: true });
  await writeFile(join(directory, 'tree/.file.json'), BODY);
  await writeFile(join(directory, 'secret'), 'beside the tree');
  server = await serveUpstream(join(directory, 'tree'));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const get = (headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`${server.url}/.file.json?x=1`, { headers, method });

test('a file is served whole, and HEAD tells its length', async () => {
  expect(await (await get()).text()).toBe(BODY);
  const head = await get({}, 'HEAD');
  expect([head.headers.get('content-length'), await head.text()]).toEqual(['10', '']);
});

test('an unchanged file is not sent again', async () => {
  const first = await get();
  const etag = first.headers.get('etag') ?? '';
  expect((await get({ 'if-none-match': etag })).status).toBe(304);
  expect((await get({ 'if-none-match': '"other"' })).status).toBe(200);
  expect((await get({ 'if-modified-since': first.headers.get('last-modified') ?? '' })).status).toBe(304);
  expect((await get({ 'if-modified-since': 'Thu, 01 Jan 2015 00:00:00 GMT' })).status).toBe(200);
});

test.each([
  ['bytes=2-4', 206, '234'],
  ['bytes=7-', 206, '789'],
  ['bytes=-2', 206, '89'],
  ['bytes=20-', 416, ''],
  ['lines=1-2', 200, BODY],
])('range %s is answered %i', async (range, status, body) => {
  const response = await get({ range });
  expect([response.status, await response.text()]).toEqual([status, body]);
});

test('what is no file of the tree is not found', async () => {
  expect((await fetch(`${server.url}/folder`)).status).toBe(404);
  expect((await fetch(`${server.url}/none`)).status).toBe(404);
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.write('GET /../secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 404 /);
});

test('requests are counted by path, without their query', async () => {
  await get();
  await get({}, 'HEAD');
  await fetch(`${server.url}/none`);
  expect([server.requests('/.file.json'), server.requests('/none'), server.requests()]).toEqual([2, 1, 3]);
});

test.each([
  ['status-500', 500],
  ['not-found', 404],
  ['html', 200],
] as const)('fault %s answers %i with another body', async (kind, status) => {
  server.fault(/\.json$/, kind);
  const response = await get();
  expect(response.status).toBe(status);
  expect(await response.text()).not.toContain(BODY);
});

test('a truncated body and a reset connection fail the client', async () => {
  server.fault(/file/, 'truncate');
  const response = await get();
  expect(response.headers.get('content-length')).toBe('10');
  await expect(response.text()).rejects.toThrow();
  server.fault(/file/, 'reset');
  await expect(get()).rejects.toThrow();
});

test('a corrupt body has the right length and one wrong byte', async () => {
  server.fault(/file/, 'corrupt');
  const bytes = Buffer.from(await (await get()).arrayBuffer());
  expect(bytes.length).toBe(BODY.length);
  expect([...bytes].filter((byte, at) => byte !== BODY.charCodeAt(at))).toHaveLength(1);
});

test('a slow body comes whole', async () => {
  server.fault(/file/, 'slow');
  const started = performance.now();
  expect(await (await get()).text()).toBe(BODY);
  expect(performance.now() - started).toBeGreaterThan(500);
});

test('a fault strikes the paths it names, as often as it says, until cleared', async () => {
  server.fault(/other/, 'status-500');
  server.fault(/file/, 'status-500', { times: 1 });
  expect([(await get()).status, (await get()).status]).toEqual([500, 200]);
  expect((await fetch(`${server.url}/other`)).status).toBe(500);
  server.clearFaults();
  expect((await fetch(`${server.url}/other`)).status).toBe(404);
});

test('closing ends a hanging request', async () => {
  server.fault(/file/, 'hang');
  const hanging = expect(get()).rejects.toThrow();
  await expect.poll(() => server.requests('/.file.json')).toBe(1);
  await server[Symbol.asyncDispose]();
  await hanging;
});

test('a taken port is told', async () => {
  const port = Number(new URL(server.url).port);
  await expect(serveUpstream(directory, { port })).rejects.toSatisfy((thrown) =>
    hasCode(thrown, 'unavailable'),
  );
});
