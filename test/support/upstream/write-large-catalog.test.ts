import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseFeedsConf, parseIndexJson } from '../../../coordinator/catalog/package-index.ts';
import { parseProfiles } from '../../../coordinator/catalog/profiles.ts';
import { parseSha256sums } from '../../../coordinator/catalog/sha256sums.ts';
import { findArchive } from '../../../shared/domain/builder.ts';
import { LARGE_RELEASES, writeLargeCatalog } from './write-large-catalog.ts';

const SIZE = { targets: 5, profiles: 40, architectures: 3, packages: 200 };

describe('the large catalog', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wrtfarm-large-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const bytes = (root: string, path: string): Promise<Buffer> => readFile(join(folder, root, path));

  test('is what a catalog reads, in the size asked for', async () => {
    await writeLargeCatalog(join(folder, 'a'), { size: SIZE, releases: 2 });
    const [version = ''] = LARGE_RELEASES[0] ?? [];
    const release = `releases/${version}`;
    const targets = JSON.parse((await bytes('a', `${release}/.targets.json`)).toString()) as object;
    expect(Object.keys(targets)).toHaveLength(SIZE.targets);
    let profiles = 0;
    for (const [target, architecture] of Object.entries(targets)) {
      const parsed = parseProfiles(await bytes('a', `${release}/targets/${target}/profiles.json`));
      profiles += parsed.profiles.size;
      expect(parsed.architecture).toBe(architecture);
      const sums = parseSha256sums(await bytes('a', `${release}/targets/${target}/sha256sums`));
      expect(findArchive(sums, { distro: 'openwrt', version, target })).toBeDefined();
      const kmods = `${release}/targets/${target}/kmods/${parsed.kernel}/index.json`;
      expect(parseIndexJson(await bytes('a', kmods)).names.size).toBeGreaterThan(100);
    }
    expect(profiles).toBeGreaterThanOrEqual(SIZE.profiles);
    const feeds = parseFeedsConf(await bytes('a', `${release}/packages/x86_64/feeds.conf`));
    const sizes = await Promise.all(
      feeds.map(
        async (feed) =>
          parseIndexJson(await bytes('a', `${release}/packages/x86_64/${feed}/index.json`)).names.size,
      ),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(SIZE.packages);
  });

  test('is the same each time, and kept when it is there', async () => {
    for (const root of ['a', 'b']) await writeLargeCatalog(join(folder, root), { size: SIZE, releases: 1 });
    for (const path of ['.versions.json', 'releases/25.12.1/targets/x86/64/profiles.json']) {
      expect(await bytes('a', path)).toEqual(await bytes('b', path));
    }
    const before = await stat(join(folder, 'a', '.versions.json'));
    await writeLargeCatalog(join(folder, 'a'), { size: SIZE, releases: 1 });
    expect((await stat(join(folder, 'a', '.versions.json'))).ino).toBe(before.ino);
  });
});
