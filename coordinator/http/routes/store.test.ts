import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../shared/digest.ts';
import { BIN_DIR, BYTES, HASH, startTestServer, type TestServer } from '../test-server.test.support.ts';

describe('the store', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await expect.poll(() => server.world.openStreams).toBe(0);
  });

  const image = (): string => `${server.url}/store/${BIN_DIR}/image.bin`;

  test('serves a file with all its headers', async () => {
    const response = await fetch(image());
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
    server.world.read = () => {
      throw new Error('opened');
    };
    const response = await fetch(image(), { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '10']);
  });

  test('a request hash is an alias that is asked about again', async () => {
    const response = await fetch(`${server.url}/store/${HASH}/image.bin`);
    expect(await response.text()).toBe('0123456789');
    expect(response.headers.get('cache-control')).toBe('no-cache');
  });

  test.each([
    ['bytes=2-5', '2345', 'bytes 2-5/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-', '89', 'bytes 8-9/10'],
  ])('%s is %s', async (range, text, contentRange) => {
    const response = await fetch(image(), { headers: { range } });
    expect([response.status, await response.text()]).toEqual([206, text]);
    expect(response.headers.get('content-range')).toBe(contentRange);
    expect(response.headers.get('content-length')).toBe(String(text.length));
  });

  test('a range behind the end is told the length', async () => {
    const response = await fetch(image(), { headers: { range: 'bytes=10-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe('bytes */10');
    expect(response.headers.get('cache-control')).toBeNull();
    expect(await response.json()).toMatchObject({ status: 416 });
  });

  test('a range of other bytes is not given', async () => {
    const etag = `"${sha256Hex(BYTES)}"`;
    const ranged = (ifRange: string) =>
      fetch(image(), { headers: { range: 'bytes=0-1', 'if-range': ifRange } });
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
    const response = await fetch(image(), { headers });
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(status === 304 ? '' : '0123456789');
    expect(response.headers.get('etag')).toBe(`"${sha256Hex(BYTES)}"`);
  });

  test('a file that cannot be opened is a 500 that says nothing', async () => {
    server.world.read = () =>
      new Readable({
        read() {
          this.destroy(new Error('ENOENT /srv/secret'));
        },
      });
    const response = await fetch(image());
    expect([response.status, await response.text()]).toEqual([
      500,
      '{"detail":"Internal Server Error","status":500}',
    ]);
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('cache-control')).toBeNull();
  });

  test('a client that goes away closes the file', async () => {
    server.world.read = () => new Readable({ read() {} });
    const leaving = new AbortController();
    const response = fetch(image(), { signal: leaving.signal }).catch((thrown: unknown) => thrown);
    await expect.poll(() => server.world.openStreams).toBe(1);
    leaving.abort();
    await response;
    await expect.poll(() => server.world.openStreams).toBe(0);
  });
});
