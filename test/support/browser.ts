import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { Disposers } from '../../shared/lifecycle.ts';

/** Debian's. */
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = [
  ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

/** A headless browser, and a server of pages for it: an origin of its own on loopback, which browsers take for secure. */
export interface TestBrowser extends AsyncDisposable {
  /** `http://127.0.0.1:41234`. */
  readonly origin: string;
  /** Opens one of the pages in a context of its own: nothing is cached from before. */
  open(page: string): Promise<Page>;
}

/**
 * @param folder of the pages.
 * @throws Error where there is no browser: tests that only it can make would pass for good ones.
 */
export async function startBrowser(folder: string): Promise<TestBrowser> {
  if (!existsSync(CHROMIUM))
    throw new Error(`${CHROMIUM} is missing; \`deploy/install.sh test\` installs it`);
  const opened = new Disposers();
  const server = createServer((request, response) => {
    const name = basename(new URL(request.url ?? '/', 'http://page').pathname);
    readFile(join(folder, name)).then(
      (bytes) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  opened.add('pages', async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    chromiumSandbox: false,
    args: ARGUMENTS,
  });
  opened.add('browser', () => browser.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    open: async (name) => {
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${origin}/${name}`);
      return page;
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
