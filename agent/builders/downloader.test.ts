import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { FarmError, hasCode } from '../../shared/errors.ts';
import { NO_PROXIES, type ProxySettings } from '../../shared/proxies.ts';
import { type DownloadOptions, openDownloader } from './downloader.ts';
import { type SmallUpstream, startSmallUpstream } from './small-upstream.test.support.ts';

let scratch: string;
let upstream: SmallUpstream;

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'wrtfarm-download-'));
  upstream = await startSmallUpstream(scratch);
  upstream.files.set('/file', Buffer.from('content'));
});

afterEach(async () => {
  await upstream[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true });
});

function options(changes: Partial<DownloadOptions> = {}): DownloadOptions {
  return { signal: new AbortController().signal, maxBytes: 1000, ...changes };
}

function downloader(proxies: ProxySettings = NO_PROXIES): ReturnType<typeof openDownloader> {
  return openDownloader({ proxies, idleTimeoutMs: 1_000 });
}

test('a file is written and hashed on the way, with its progress', async () => {
  await using http = downloader();
  const progress: unknown[] = [];
  const path = join(scratch, 'file');
  const done = await http.toFile(
    `${upstream.url}/file`,
    path,
    options({ onProgress: (...seen) => progress.push(seen) }),
  );
  expect(done).toEqual({ sha256: sha256Hex('content'), sizeBytes: 7 });
  expect(readFileSync(path, 'utf8')).toBe('content');
  expect(progress).toEqual([[7, 7]]);
});

test('what is not there is told apart from what cannot be had', async () => {
  await using http = downloader();
  expect(await http.bytes(`${upstream.url}/none`, options())).toBeUndefined();
  expect((await http.bytes(`${upstream.url}/file`, options()))?.toString()).toBe('content');
  upstream.handler = (_request, response) => {
    response.writeHead(503).end();
    return true;
  };
  await expect(http.bytes(`${upstream.url}/file`, options())).rejects.toMatchObject({
    code: 'infrastructure',
    message: `could not fetch ${upstream.url}/file: the server answered 503`,
    details: { breakage: 'builder' },
  });
  const gone = await startSmallUpstream(scratch);
  await gone[Symbol.asyncDispose]();
  await expect(http.bytes(`${gone.url}/x`, options())).rejects.toThrow('ECONNREFUSED');
});

test('redirects of a mirror are followed', async () => {
  await using http = downloader();
  upstream.handler = (request, response) => {
    if (request.url !== '/moved') return false;
    response.writeHead(302, { location: '/file' }).end();
    return true;
  };
  expect((await http.bytes(`${upstream.url}/moved`, options()))?.toString()).toBe('content');
});

test('more than the limit is refused, announced or not', async () => {
  await using http = downloader();
  await expect(
    http.toFile(`${upstream.url}/file`, join(scratch, 'a'), options({ maxBytes: 6 })),
  ).rejects.toThrow('larger than 6 bytes');
  upstream.handler = (_request, response) => {
    response.write('four');
    response.end('four');
    return true;
  };
  await expect(http.bytes(`${upstream.url}/file`, options({ maxBytes: 7 }))).rejects.toThrow(
    'larger than 7 bytes',
  );
});

test('whoever fetches may refuse what is announced, before a byte of it is written', async () => {
  await using http = downloader();
  const path = join(scratch, 'a');
  const seen: unknown[] = [];
  const refusal = new FarmError('infrastructure', 'no room for it');
  const onBegin = async (totalBytes: number | undefined): Promise<void> => {
    seen.push(totalBytes);
    throw refusal;
  };
  await expect(http.toFile(`${upstream.url}/file`, path, options({ onBegin }))).rejects.toBe(refusal);
  expect(seen).toEqual([7]);
  expect(existsSync(path) ? readFileSync(path, 'utf8') : '').toBe('');
});

test.each(['headers', 'body'])('a server that goes silent in its %s is given up', async (where) => {
  await using http = downloader();
  upstream.handler = (_request, response) => {
    if (where === 'body') response.write('some');
    return true;
  };
  await expect(http.bytes(`${upstream.url}/file`, options())).rejects.toThrow(/imeout/);
});

test('a connection that breaks is an error', async () => {
  await using http = downloader();
  upstream.handler = (_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('some', () => response.destroy());
    return true;
  };
  await expect(http.toFile(`${upstream.url}/file`, join(scratch, 'a'), options())).rejects.toSatisfy(
    (thrown) => hasCode(thrown, 'infrastructure'),
  );
});

test('an abort is told as such', async () => {
  await using http = downloader();
  const controller = new AbortController();
  upstream.handler = (_request, response) => {
    response.write('some', () => controller.abort());
    return true;
  };
  const aborted = http.toFile(
    `${upstream.url}/file`,
    join(scratch, 'a'),
    options({ signal: controller.signal }),
  );
  await expect(aborted).rejects.toSatisfy((thrown) => hasCode(thrown, 'cancelled'));
});

test('a proxy is used, except for hosts that are reached directly', async () => {
  const seen: string[] = [];
  const proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.end('from the proxy');
  });
  proxy.on('connect', (request, client) => {
    seen.push(`CONNECT ${request.url}`);
    client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  await using through = downloader({ http: url, https: url, no: 'localhost' });
  expect((await through.bytes('http://upstream.example/file', options()))?.toString()).toBe('from the proxy');
  await expect(through.bytes('https://upstream.example/file', options())).rejects.toSatisfy((thrown) =>
    hasCode(thrown, 'infrastructure'),
  );
  const direct = await through.bytes(`${upstream.url.replace('127.0.0.1', 'localhost')}/file`, options());
  expect(direct?.toString()).toBe('content');
  expect(seen).toEqual(['GET http://upstream.example/file', 'CONNECT upstream.example:443']);
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
});
