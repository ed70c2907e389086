import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../test-server.test.support.ts';

describe('a page', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  const page = async (path: string): Promise<string> => {
    const response = await fetch(server.url + path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    return response.text();
  };

  test.each(['/', '/stats', '/docs'])('%s loads nothing but itself', async (path) => {
    const text = await page(path);
    expect(text).toMatch(/^<!doctype html>/);
    expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\ssrc=/);
  });

  test('of the server tells what it is and how many wait', async () => {
    const text = await page('/');
    expect(text).toContain('7 builds wait');
    expect(text).toContain('wrtfarm 0.1.0');
    for (const link of ['/stats', '/docs', '/openapi.json', '/json/v1/overview.json']) {
      expect(text).toContain(`href="${link}"`);
      expect((await fetch(server.url + link)).status).toBe(200);
    }
  });

  test('of the server is there while the queue cannot be asked', async () => {
    server.world.queuedError = new Error('no Redis');
    expect(await page('/')).toContain('cannot be told');
  });

  test('of statistics shows them, escaped', async () => {
    const text = await page('/stats');
    expect(text).toContain('Images built in the last day: <b>5</b>');
    expect(text).toContain('<td>luci</td><td class="number">9</td>');
    expect(text).toContain('<td>&lt;b&gt;&amp;</td>');
    expect(text).toContain('<title>2026-11-23Z: 3</title>');
  });

  test('of the API shows every route with its schema', async () => {
    const text = await page('/docs');
    expect(text).toContain('<code>POST /api/v1/build</code>');
    expect(text).toContain('<code>GET /store/{folder}/{name}</code>');
    expect(text).toContain('&quot;rootfs_size_mb&quot;');
    expect(text).not.toContain('undefined');
  });
});
