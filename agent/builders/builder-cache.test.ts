import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BuilderSource } from '../../shared/domain/builder.ts';
import { hasCode } from '../../shared/errors.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import { createUsignKeyPair } from '../../shared/usign.ts';
import type { BuilderCache } from './builder-cache.ts';
import { openTestCache } from './open-cache.test.support.ts';
import {
  archivePath,
  type PublishOptions,
  type SmallUpstream,
  SUMS_PATH,
  startSmallUpstream,
} from './small-upstream.test.support.ts';

const TOKEN = 'openwrt=25_12_5=ath79=generic';

let scratch: string;
let data: string;
let upstream: SmallUpstream;
let opened: Disposers;

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'wrtfarm cache: '));
  data = join(scratch, 'agent data');
  opened = new Disposers();
  upstream = opened.use('upstream', await startSmallUpstream(scratch));
});

afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  execFileSync('chmod', ['-R', 'u+rwX', scratch]);
  rmSync(scratch, { recursive: true });
});

async function open(): Promise<BuilderCache> {
  return await openTestCache(opened, { data, upstream });
}

function quietly(signal = new AbortController().signal): { onProgress(): void; signal: AbortSignal } {
  return { onProgress: () => undefined, signal };
}

/** What lies below the folder of builders. */
function kept(): string[] {
  return readdirSync(join(data, 'builders')).flatMap((token) =>
    readdirSync(join(data, 'builders', token)).map((digest) => `${token}/${digest}`),
  );
}

test.each<[string, PublishOptions]>([
  ['apk', { extension: 'tar.zst', flavour: 'apk' }],
  ['opkg', { extension: 'tar.xz', flavour: 'opkg' }],
])('a builder of flavour %s is fetched, verified, unpacked and warmed', async (flavour, options) => {
  const source = upstream.publish(options);
  const cache = await open();
  const lines: string[] = [];
  const builder = await cache.warmUp(source, { ...quietly(), onProgress: (line) => lines.push(line) });
  expect(builder).toMatchObject({ source, flavour, info: { revision: 'r33051-f5dae5ece4' } });
  expect(builder.directory).toBe(join(data, 'builders', TOKEN, source.digest, 'tree'));
  expect(readdirSync(builder.directory)).toContain('.profiles.mk');
  expect(statSync(join(builder.directory, 'Makefile')).mtimeMs).toBe(Date.parse('2020-01-01T00:00:00Z'));
  expect(cache.warm()).toMatchObject([{ builder: TOKEN, digest: source.digest }]);
  expect(cache.get(TOKEN, source.digest)).toEqual(builder);
  expect(kept()).toEqual([`${TOKEN}/${source.digest}`]);
  expect(readdirSync(join(data, 'builders', TOKEN, source.digest)).sort()).toEqual(['builder.json', 'tree']);
  expect(lines[0]).toContain(`signed by key ${upstream.key.keyId}`);
  expect(lines).toContainEqual(
    expect.stringMatching(/^25\.12\.5 ath79\/generic: 100 % of 0\.0 MiB fetched$/),
  );
  expect(lines.at(-1)).toBe(`25.12.5 ath79/generic: ready, r33051-f5dae5ece4, 2 profiles, ${flavour}`);
});

test('the tree has the modes of the archive whatever umask the agent has', async () => {
  const source = upstream.publish();
  const cache = await open();
  const own = process.umask(0o077);
  try {
    const { directory } = await cache.warmUp(source, quietly());
    expect(statSync(join(directory, 'Makefile')).mode & 0o777).toBe(0o644);
    expect(statSync(join(directory, 'keys')).mode & 0o777).toBe(0o755);
  } finally {
    process.umask(own);
  }
});

test('a restarted agent finds its builders warm, without asking upstream, and clears what was half done', async () => {
  const source = upstream.publish();
  await (await open()).warmUp(source, quietly());
  const builders = join(data, 'builders');
  mkdirSync(join(builders, '.fetch-crashed', 'tree'), { recursive: true });
  mkdirSync(join(builders, TOKEN, '0'.repeat(64), 'tree'), { recursive: true });
  mkdirSync(join(builders, 'openwrt=1=x=y', source.digest, 'tree'), { recursive: true });
  writeFileSync(
    join(builders, 'openwrt=1=x=y', source.digest, 'builder.json'),
    readFileSync(join(builders, TOKEN, source.digest, 'builder.json')),
  );
  const asked = upstream.requests.length;
  const again = await open();
  expect(again.warm()).toMatchObject([{ builder: TOKEN, digest: source.digest }]);
  expect((await again.warmUp(source, quietly())).info.target).toBe('ath79/generic');
  expect(upstream.requests).toHaveLength(asked);
  expect(kept()).toEqual([`${TOKEN}/${source.digest}`]);
});

test('equal orders share one fetch, and each hears of its progress', async () => {
  const source = upstream.publish();
  const cache = await open();
  const heard = [0, 0, 0];
  const orders = heard.map((_, index) =>
    cache.warmUp(source, { ...quietly(), onProgress: () => (heard[index] = (heard[index] ?? 0) + 1) }),
  );
  expect(cache.warming()).toEqual([{ builder: TOKEN, digest: source.digest }]);
  const builders = await Promise.all(orders);
  expect(new Set(builders.map((builder) => builder.directory)).size).toBe(1);
  expect(upstream.requests.filter((path) => path === archivePath())).toHaveLength(1);
  expect(heard[0]).toBeGreaterThan(2);
  expect(new Set(heard).size).toBe(1);
  expect(cache.warming()).toEqual([]);
});

test('a newer digest replaces the older once no attempt uses that', async () => {
  const old = upstream.publish({ salt: 'old' });
  const cache = await open();
  await cache.warmUp(old, quietly());
  const use = cache.acquire(TOKEN, old.digest);
  if (!use) throw new Error('it is not warm');
  const fresh = upstream.publish({ salt: 'new' });
  await cache.warmUp(fresh, quietly());
  expect(cache.warm()).toMatchObject([{ builder: TOKEN, digest: fresh.digest }]);
  expect(cache.get(TOKEN, old.digest)).toBeDefined();
  expect(existsSync(use.builder.directory)).toBe(true);
  use[Symbol.dispose]();
  use[Symbol.dispose]();
  expect(cache.get(TOKEN, old.digest)).toBeUndefined();
  await cache[Symbol.asyncDispose]();
  expect(kept()).toEqual([`${TOKEN}/${fresh.digest}`]);
});

test('the older digest stays warm until the newer one is ready', async () => {
  const old = upstream.publish({ salt: 'old' });
  const cache = await open();
  await cache.warmUp(old, quietly());
  const fresh = upstream.publish({ salt: 'new' });
  let release = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    upstream.handler = (request, response) => {
      if (request.url !== archivePath()) return false;
      release = () => response.end(upstream.files.get(archivePath()));
      resolve();
      return true;
    };
  });
  const refresh = cache.warmUp(fresh, quietly());
  await asked;
  expect(cache.warm()).toMatchObject([{ digest: old.digest }]);
  expect(cache.warming()).toEqual([{ builder: TOKEN, digest: fresh.digest }]);
  const use = cache.acquire(TOKEN, old.digest);
  expect(existsSync(join(use?.builder.directory ?? '', 'Makefile'))).toBe(true);
  use?.[Symbol.dispose]();
  expect(cache.warm()).toMatchObject([{ digest: old.digest }]);
  release();
  await refresh;
  expect(cache.warm()).toMatchObject([{ digest: fresh.digest }]);
});

test('a refresh that fails leaves the older digest warm', async () => {
  const old = upstream.publish({ salt: 'old' });
  const cache = await open();
  await cache.warmUp(old, quietly());
  const fresh = upstream.publish({ salt: 'new' });
  upstream.files.set(archivePath(), Buffer.from('damaged'));
  await expect(cache.warmUp(fresh, quietly())).rejects.toThrow('is damaged');
  expect(cache.warm()).toMatchObject([{ digest: old.digest }]);
});

test('an older digest that is ordered again while it is used becomes the current one', async () => {
  const old = upstream.publish({ salt: 'old' });
  const cache = await open();
  await cache.warmUp(old, quietly());
  using use = cache.acquire(TOKEN, old.digest);
  await cache.warmUp(upstream.publish({ salt: 'new' }), quietly());
  const again = await cache.warmUp(old, quietly());
  expect(again).toBe(use?.builder);
  expect(cache.warm()).toMatchObject([{ builder: TOKEN, digest: old.digest }]);
  await cache[Symbol.asyncDispose]();
  expect(kept()).toEqual([`${TOKEN}/${old.digest}`]);
});

test('a builder nobody made warm cannot be used', async () => {
  const cache = await open();
  expect(cache.get(TOKEN, 'a'.repeat(64))).toBeUndefined();
  expect(cache.acquire(TOKEN, 'a'.repeat(64))).toBeUndefined();
});

test.each<[string, (source: BuilderSource) => BuilderSource | undefined, RegExp]>([
  ['has no list of files', () => void upstream.files.delete(SUMS_PATH), /upstream has no .*sha256sums/],
  ['is not signed', () => void upstream.files.delete(`${SUMS_PATH}.sig`), /is not signed/],
  [
    'is signed by an unknown key',
    () => {
      const sums = upstream.files.get(SUMS_PATH) ?? Buffer.alloc(0);
      upstream.files.set(
        `${SUMS_PATH}.sig`,
        Buffer.from(createUsignKeyPair('other', new Uint8Array(32)).sign(sums)),
      );
      return undefined;
    },
    /signed by key [0-9a-f]{16}, which is not trusted here/,
  ],
  [
    'was changed after it was signed',
    () =>
      void upstream.files.set(
        SUMS_PATH,
        Buffer.concat([upstream.files.get(SUMS_PATH) ?? Buffer.alloc(0), Buffer.from('\n')]),
      ),
    /the signature by key [0-9a-f]{16} does not fit the file/,
  ],
  [
    'has a signature that is none',
    () => void upstream.files.set(`${SUMS_PATH}.sig`, Buffer.from('x')),
    /not a usign signature/,
  ],
  [
    'lists no archive of this builder',
    (source) => ({ ...source, version: '25.12.6' }),
    /lists no ImageBuilder/,
  ],
  [
    'offers another archive by now',
    (source) => ({ ...source, digest: 'a'.repeat(64) }),
    /is stale: a{64} was ordered, and upstream now offers [0-9a-f]{64}/,
  ],
  [
    'serves other bytes than it signed',
    () => void upstream.files.set(archivePath(), Buffer.from('other')),
    /is damaged: its sha256 is/,
  ],
  ['does not serve the archive', () => void upstream.files.delete(archivePath()), /the server answered 404/],
])('an upstream that %s is refused', async (_case, change, reason) => {
  const published = upstream.publish();
  const source = change(published) ?? published;
  const cache = await open();
  const order = cache.warmUp(source, quietly());
  await expect(order).rejects.toMatchObject({
    code: 'infrastructure',
    message: expect.stringMatching(reason),
    details: { breakage: 'builder' },
  });
  expect(cache.warm()).toEqual([]);
  expect(cache.warming()).toEqual([]);
  expect(readdirSync(join(data, 'builders'))).toEqual([]);
});

test('a stale order says what upstream offers', async () => {
  const { digest, ...rest } = upstream.publish();
  const cache = await open();
  const order = cache.warmUp({ ...rest, digest: 'a'.repeat(64) }, quietly());
  await expect(order).rejects.toMatchObject({ details: { stale: true, offeredDigest: digest } });
});

test.each<[string, PublishOptions, RegExp]>([
  ['has two top folders', { tarArguments: ['-C', '/etc', 'hostname', 'passwd'] }, /2 top entries/],
  ['has a file on top', { tarArguments: ['-C', '/etc', 'hostname'] }, /is no folder/],
  [
    'would leave its folder',
    { tarArguments: ['-P', '--transform=s,^,x/../../,', '-C', '/etc', 'hostname'] },
    /Member name contains '\.\.'/,
  ],
  ['is no ImageBuilder', { tarArguments: ['-C', '/etc', 'alternatives'] }, /is no ImageBuilder/],
  [
    'has no Makefile',
    { tarArguments: ['-C', '', 'top'] },
    /make info failed .*No rule to make target 'info'/,
  ],
])('an archive that %s is refused', async (_case, options, reason) => {
  mkdirSync(join(scratch, 'bare', 'top'), { recursive: true });
  writeFileSync(join(scratch, 'bare', 'top', 'repositories'), '');
  const tarArguments = options.tarArguments?.map((argument) => argument || join(scratch, 'bare'));
  const source = upstream.publish(tarArguments ? { tarArguments } : {});
  const cache = await open();
  await expect(cache.warmUp(source, quietly())).rejects.toMatchObject({
    code: 'infrastructure',
    message: expect.stringMatching(reason),
  });
  expect(readdirSync(join(data, 'builders'))).toEqual([]);
  expect(readdirSync(join(data, 'attempts'))).toEqual(['etc']);
});

test('an order that is called off stops, unless another one waits for the same builder', async () => {
  const source = upstream.publish();
  const cache = await open();
  let release = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    upstream.handler = (request, response) => {
      if (request.url !== archivePath()) return false;
      release = () => response.end(upstream.files.get(archivePath()));
      resolve();
      return true;
    };
  });
  const first = new AbortController();
  const one = cache.warmUp(source, quietly(first.signal));
  const two = cache.warmUp(source, quietly());
  await asked;
  first.abort();
  await expect(one).rejects.toSatisfy((thrown) => hasCode(thrown, 'cancelled'));
  release();
  expect((await two).source).toEqual(source);
});

test('closing the cache stops what is being fetched and leaves nothing of it', async () => {
  const source = upstream.publish();
  const cache = await open();
  const asked = new Promise<void>((resolve) => {
    upstream.handler = (request) => {
      if (request.url !== archivePath()) return false;
      resolve();
      return true;
    };
  });
  const order = cache.warmUp(source, quietly());
  const refused = expect(order).rejects.toSatisfy((thrown) => hasCode(thrown, 'cancelled'));
  await asked;
  await cache[Symbol.asyncDispose]();
  await refused;
  expect(readdirSync(join(data, 'builders'))).toEqual([]);
  await expect(cache.warmUp(source, quietly())).rejects.toSatisfy((thrown) => hasCode(thrown, 'cancelled'));
});
