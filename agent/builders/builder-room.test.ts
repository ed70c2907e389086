import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BuilderSource, builderToken, type PinnedBuilder } from '../../shared/domain/builder.ts';
import { Disposers } from '../../shared/lifecycle.ts';
import type { BuilderCache } from './builder-cache.ts';
import { measureTree } from './measure-tree.ts';
import { openTestCache, type TestCacheOptions } from './open-cache.test.support.ts';
import { archivePath, type SmallUpstream, startSmallUpstream } from './small-upstream.test.support.ts';

let scratch: string;
let data: string;
let upstream: SmallUpstream;
let opened: Disposers;

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'wrtfarm-room-'));
  data = join(scratch, 'data');
  opened = new Disposers();
  upstream = opened.use('upstream', await startSmallUpstream(scratch));
});

afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  execFileSync('chmod', ['-R', 'u+rwX', scratch]);
  rmSync(scratch, { recursive: true });
});

async function open(options: Partial<TestCacheOptions> = {}): Promise<BuilderCache> {
  return await openTestCache(opened, { data, upstream, ...options });
}

function order(evictable: readonly BuilderSource[] = []) {
  return {
    onProgress: () => undefined,
    signal: new AbortController().signal,
    evictable: evictable.map(pinned),
  };
}

function pinned(source: BuilderSource): PinnedBuilder {
  return { builder: builderToken(source), digest: source.digest };
}

function versions(cache: BuilderCache): string[] {
  return cache.warm().map(({ builder }) => builder.split('=')[1]?.replaceAll('_', '.') ?? '');
}

/** Makes three builders warm, one after the other, without limits. @returns them, and what each takes on disk. */
async function three(): Promise<{ sources: [BuilderSource, BuilderSource, BuilderSource]; each: number }> {
  const cache = await open();
  const publish = (version: string): BuilderSource => upstream.publish({ version });
  const sources: [BuilderSource, BuilderSource, BuilderSource] = [
    publish('25.12.1'),
    publish('25.12.2'),
    publish('25.12.3'),
  ];
  for (const source of sources) await cache.warmUp(source, order());
  await cache[Symbol.asyncDispose]();
  return { sources, each: Math.max(...cache.warm().map(({ sizeBytes = 0 }) => sizeBytes)) };
}

test('what a builder takes and how long it took is told, also after a restart', async () => {
  const source = upstream.publish();
  const cache = await open();
  const { directory } = await cache.warmUp(source, order());
  const [warm] = cache.warm();
  expect(warm).toEqual({
    ...pinned(source),
    sizeBytes: await measureTree(directory),
    warmedInMs: expect.any(Number),
  });
  expect(warm?.warmedInMs).toBeGreaterThan(0);
  await cache[Symbol.asyncDispose]();
  expect((await open()).warm()).toEqual([warm]);
});

test('a record of an earlier version is read, and its tree measured once', async () => {
  const source = upstream.publish();
  const cache = await open();
  const { directory } = await cache.warmUp(source, order());
  await cache[Symbol.asyncDispose]();
  const path = join(directory, '..', 'builder.json');
  const record = JSON.parse(readFileSync(path, 'utf8'));
  const { sizeBytes, warmedInMs: _, archiveBytes: __, ...earlier } = record;
  writeFileSync(path, JSON.stringify(earlier));
  expect((await open()).warm()).toEqual([{ ...pinned(source), sizeBytes }]);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ ...earlier, sizeBytes });
  expect(readdirSync(join(directory, '..')).sort()).toEqual(['builder.json', 'tree']);
});

test('a record that cannot be completed, as on a full disk, keeps no agent from starting', async () => {
  const source = upstream.publish();
  const cache = await open();
  const { directory } = await cache.warmUp(source, order());
  await cache[Symbol.asyncDispose]();
  const path = join(directory, '..', 'builder.json');
  const { sizeBytes, ...earlier } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(earlier));
  // Root may write anywhere, but not a file where a folder is.
  mkdirSync(join(directory, '..', '.builder.json'));
  expect((await open()).warm()).toMatchObject([{ ...pinned(source), sizeBytes }]);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(earlier);
});

test('within the budget nothing is removed, though it might be', async () => {
  const { sources, each } = await three();
  const cache = await open({ disk: { reserveBytes: 0, budgetBytes: 5 * each } });
  await cache.warmUp(upstream.publish(), order(sources));
  expect(versions(cache)).toEqual(['25.12.1', '25.12.2', '25.12.3', '25.12.5']);
});

test('beyond the budget the first that may go goes, before anything is fetched', async () => {
  const { sources, each } = await three();
  let removed = 0;
  const cache = await open({
    disk: { reserveBytes: 0, budgetBytes: 3.5 * each },
    onRemoved: () => {
      removed += 1;
    },
  });
  const [one, two] = sources;
  const source = upstream.publish();
  await cache.warmUp(source, order([two, one]));
  expect(versions(cache)).toEqual(['25.12.1', '25.12.3', '25.12.5']);
  expect(removed).toBe(1);
  expect(readdirSync(join(data, 'builders')).sort()).toEqual(
    [sources[0], sources[2], source].map((left) => pinned(left).builder).sort(),
  );
});

test('a builder in use stays, and the next one that may go goes', async () => {
  const { sources, each } = await three();
  const cache = await open({ disk: { reserveBytes: 0, budgetBytes: 3.5 * each } });
  const [one, two] = sources;
  using use = cache.acquire(pinned(two).builder, two.digest);
  await cache.warmUp(upstream.publish(), order([two, one]));
  expect(versions(cache)).toEqual(['25.12.2', '25.12.3', '25.12.5']);
  expect(existsSync(use?.builder.directory ?? '')).toBe(true);
});

test('nothing else is ever removed: an order that does not fit is refused before its archive is read', async () => {
  const { sources, each } = await three();
  const cache = await open({ disk: { reserveBytes: 0, budgetBytes: 3.5 * each } });
  const unknown = { ...sources[0], digest: 'f'.repeat(64) };
  await expect(cache.warmUp(upstream.publish(), order([unknown]))).rejects.toMatchObject({
    code: 'infrastructure',
    message: expect.stringMatching(
      /^25\.12\.5 ath79\/generic takes about .* and does not fit in the disk budget of .* are lacking/,
    ),
    details: { breakage: 'disk', limit: 'budget' },
  });
  expect(versions(cache)).toEqual(['25.12.1', '25.12.2', '25.12.3']);
  expect(cache.warming()).toEqual([]);
  expect(readdirSync(join(data, 'builders')).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('all that may go is kept when even that would not be enough', async () => {
  const { sources, each } = await three();
  const cache = await open({ disk: { reserveBytes: 0, budgetBytes: 0.5 * each } });
  await expect(cache.warmUp(upstream.publish(), order(sources))).rejects.toThrow('does not fit');
  expect(versions(cache)).toHaveLength(3);
});

test('the reserve of the disk is kept as the budget is', async () => {
  const { sources, each } = await three();
  const taken = (): number =>
    Number(execFileSync('du', ['-s', '-B1', join(data, 'builders')], { encoding: 'utf8' }).split('\t')[0]);
  const source = upstream.publish();
  // Beyond the reserve there is room for half a builder more.
  const reserveBytes = 1_000_000_000;
  const diskBytes = taken() + reserveBytes + each / 2;
  const cache = await open({ disk: { reserveBytes }, freeBytes: () => diskBytes - taken() });
  await expect(cache.warmUp(source, order())).rejects.toMatchObject({
    message: expect.stringContaining('does not fit on the disk, of which 953.7 MiB are kept free'),
    details: { limit: 'disk' },
  });
  await cache.warmUp(source, order([sources[0]]));
  expect(versions(cache)).toEqual(['25.12.2', '25.12.3', '25.12.5']);
});

test('a builder that turns out larger than expected gives way, and is refused at once the next time', async () => {
  const { each } = await three();
  const cache = await open({ disk: { reserveBytes: 0, budgetBytes: 4.5 * each } });
  // Blanks pack well: what its archive promises is far less than it takes.
  const source = upstream.publish({ acts: { large: ' '.repeat(8 * each) } });
  const refused = { message: expect.stringContaining('does not fit'), details: { limit: 'budget' } };
  await expect(cache.warmUp(source, order())).rejects.toMatchObject(refused);
  expect(versions(cache)).toEqual(['25.12.1', '25.12.2', '25.12.3']);
  const fetched = (): number => upstream.requests.filter((path) => path === archivePath()).length;
  expect(fetched()).toBe(1);
  await expect(cache.warmUp(source, order())).rejects.toMatchObject(refused);
  expect(readdirSync(join(data, 'builders'))).toHaveLength(3);
});
