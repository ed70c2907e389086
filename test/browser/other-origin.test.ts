import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { useFarm } from '../support/use-farm.ts';
import { ARCHER, NO_HASH, X86 } from '../support/wire-builds.ts';

/*
 * The calls of the Firmware Selector and of LuCI, made by a real browser from another origin than the farm's: what it does not
 * let through, those pages never see.
 */

const POLL_MS = 100;
const SELECTOR = {
  ...ARCHER,
  packages: ['luci', '-ppp'],
  defaults: '',
  version_code: 'r28959-29397011cc',
  diff_packages: true,
  client: 'ofs/v5.1.0',
  repositories: {},
  repository_keys: [],
};
const LUCI = {
  client: 'luci/26.129.70992~61fbfe6',
  packages: ['base-files', 'kernel', 'libc', 'luci'],
  profile: 'pcengines,apu2',
  target: 'x86/64',
  version: '24.10.4',
  diff_packages: true,
  filesystem: 'ext4',
  rootfs_size_mb: '256',
};

describe('from another origin', () => {
  const used = useFarm();
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await startBrowser(join(import.meta.dirname, 'pages'));
  });

  afterAll(() => browser?.[Symbol.asyncDispose]());

  /** Opens a page, calls one of its functions, and gives what that returns. */
  async function call<T>(page: string, name: string, ...args: readonly unknown[]): Promise<T> {
    const opened = await browser.open(page);
    try {
      return await opened.evaluate<T>(`${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`);
    } finally {
      await opened.context().close();
    }
  }

  describe('the Firmware Selector', () => {
    interface Chosen {
      readonly versions: readonly string[];
      readonly stable: string;
      readonly titles: readonly string[];
      readonly images: readonly string[];
      readonly request: object;
    }

    test('finds a device upstream, has it built, and links images that a click saves', async () => {
      const page = await browser.open('firmware-selector.html');
      const { request, ...chosen } = await page.evaluate<Chosen>(
        `choose(${JSON.stringify(used.farm.upstream.url)}, '24.10.4', 'TP-Link Archer C7 v5')`,
      );
      expect(chosen).toEqual({
        versions: ['25.12.0', '24.10.4', '23.05.6'],
        stable: '25.12.0',
        titles: expect.arrayContaining(['OpenWrt One', 'Generic x86/64']),
        images: ['sysupgrade', 'factory'],
      });
      expect(request).toMatchObject({ ...ARCHER, version_code: SELECTOR.version_code });

      const body = JSON.stringify({ ...SELECTOR, ...request });
      await page.evaluate(`build(${JSON.stringify(used.farm.url)}, ${body}, ${POLL_MS})`);
      expect(await page.textContent('#error')).toBe('');
      expect(await page.textContent('#title')).toBe('TP-Link Archer C7 v5');
      expect(await page.textContent('#progress')).toBe('2025-10-19T18:23:36.000Z');
      expect(await page.evaluate('progress')).toEqual(expect.arrayContaining(['tr-building-image']));

      const links = page.locator('#links a');
      expect(await links.count()).toBe(2);
      for (const link of await links.all()) {
        const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
        const href = await link.getAttribute('href');
        expect(download.suggestedFilename()).toBe(href?.split('/').at(-1));
        const [, sha256] = (await link.textContent())?.split(' ') ?? [];
        expect(sha256Hex(await readFile(await download.path()))).toBe(sha256);
      }
      await page.context().close();
    });

    test('shows how many are ahead', async () => {
      const page = await browser.open('firmware-selector.html');
      const url = JSON.stringify(used.farm.url);
      // One is made at a time, so one of the other two is behind the other.
      const builds = [['knob-slow-1'], ['dangling'], ['dangling', 'nano']].map((packages) => {
        return `build(${url}, ${JSON.stringify({ ...SELECTOR, packages })}, 20)`;
      });
      await page.evaluate(`Promise.all([${builds.join(', ')}])`);
      expect(await page.evaluate('progress')).toContain('tr-queued (1)');
      await page.context().close();
    });

    test.each([
      ['a package that nobody knows', { packages: ['vimm'] }, 'Unknown package(s): vimm (did you mean vim?)'],
      ['a version that is gone', { version: '24.10.99' }, 'Unsupported version: 24.10.99'],
      [
        'a failed build',
        { packages: ['dangling'] },
        'Impossible package selection: missing (no-such-library)',
      ],
    ])('shows %s', async (_what, change, text) => {
      const page = await browser.open('firmware-selector.html');
      const request = JSON.stringify({ ...SELECTOR, ...change });
      await page.evaluate(`build(${JSON.stringify(used.farm.url)}, ${request}, ${POLL_MS})`);
      expect(await page.textContent('#error')).toBe(text);
      await page.context().close();
    });

    test('would see nothing of a server without CORS', async () => {
      const page = await browser.open('firmware-selector.html');
      // Its own page server, by another name: another origin, and no CORS.
      const bare = browser.origin.replace('127.0.0.1', 'localhost');
      await page.evaluate(`build(${JSON.stringify(bare)}, {}, ${POLL_MS})`);
      expect(await page.textContent('#error')).toBe('Failed to fetch');
      await page.context().close();
    });
  });

  describe('LuCI', () => {
    interface Built {
      readonly status: number;
      readonly body: {
        bin_dir: string;
        images: { filesystem: string; type: string; name: string; sha256: string }[];
      };
      readonly polls: readonly { readonly shown: string; readonly headers: readonly (string | null)[] }[];
    }

    test.each(['/api/v1/overview', '/api/overview', '/api/v1/revision/24.10.4/x86/64'])(
      'reads %s',
      async (path) => {
        const { status, body } = await call<{ status: number; body: object }>(
          'luci.html',
          'check',
          used.farm.url,
          path,
        );
        expect(status).toBe(200);
        expect(Object.keys(body)).toEqual(
          path.includes('revision') ? ['revision'] : expect.arrayContaining(['latest']),
        );
      },
    );

    test('asks, polls with a content type, and compares the hash of what it downloads', async () => {
      const built = await call<Built>('luci.html', 'build', `${used.farm.url}/`, LUCI, POLL_MS);
      expect(built.status).toBe(200);
      expect(built.polls.map(({ shown }) => shown)).toContain('building_image');
      for (const { headers } of built.polls) {
        expect(headers).toEqual([expect.stringMatching(/^[a-z_]+$/), '0', expect.stringMatching(/^\d+$/)]);
      }
      const image = built.body.images.find(
        ({ filesystem, type }) => filesystem === 'ext4' && type === 'combined-efi',
      );
      const file = await call<{ status: number; sizeBytes: number; sha256: string }>(
        'luci.html',
        'download',
        used.farm.url,
        built.body.bin_dir,
        image?.name,
      );
      expect(file.status).toBe(200);
      expect(file.sizeBytes).toBeGreaterThan(0);
      expect(file.sha256).toBe(image?.sha256);
    });

    test.each<[what: string, method: string, path: string, body: unknown, status: number, detail: RegExp]>([
      [
        'an unknown package',
        'POST',
        '/api/v1/build',
        { ...X86, packages: ['no-such'] },
        422,
        /^Unknown package\(s\): no-such/,
      ],
      [
        'an unknown version',
        'POST',
        '/api/v1/build',
        { ...X86, version: '1.2' },
        400,
        /^Unsupported branch: 1\.2$/,
      ],
      ['a build that has expired', 'GET', `/api/v1/build/${NO_HASH}`, undefined, 404, /^could not find/],
      ['an image that is gone', 'GET', `/store/${NO_HASH}/image.bin`, undefined, 404, /^Not found$/],
      ['a path that is none', 'GET', '/nowhere', undefined, 404, /^Not Found$/],
    ])('reads the answer about %s', async (_what, method, path, body, status, detail) => {
      const text = body === undefined ? [] : [JSON.stringify(body)];
      const args = [used.farm.url, path, method, ...text];
      const refused = await call<{ status: number; detail: string; unknownPackage: string | null }>(
        'luci.html',
        'refused',
        ...args,
      );
      expect(refused.status).toBe(status);
      expect(refused.detail).toMatch(detail);
      expect(refused.unknownPackage).toBe(status === 422 ? 'no-such' : null);
    });
  });
});
