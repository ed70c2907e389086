import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256File } from '../../../shared/digest.ts';
import { findArchive } from '../../../shared/domain/builder.ts';
import { ProfilesJsonSchema } from '../../../shared/domain/profiles-json.ts';
import { parseJsonAs } from '../../../shared/schema.ts';
import { parseUsignPublicKey, verifyUsign } from '../../../shared/usign.ts';
import { MINI_TARGETS } from './mini-targets.ts';
import { kmodsFolder, MINI_VERSIONS } from './mini-versions.ts';
import { type WrittenUpstream, writeUpstream } from './write-upstream.ts';

let directory: string;
let upstream: WrittenUpstream;
const builders = MINI_VERSIONS.flatMap((version) => MINI_TARGETS.map((target) => ({ version, target })));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mini-upstream-'));
  upstream = await writeUpstream(join(directory, 'tree'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const read = (path: string) => readFile(join(upstream.root, path), 'utf8');
const indexOf = async (path: string) => JSON.parse(await read(`${path}/index.json`));

/** Fields of each paragraph of an index. */
async function stanzas(path: string): Promise<Record<string, string>[]> {
  return (await read(path))
    .split('\n\n')
    .filter((block) => block.startsWith('Package: '))
    .map((block) =>
      Object.fromEntries(block.split('\n').map((line) => [line.split(': ')[0], line.replace(/^\S+: /, '')])),
    );
}

describe('the tree', () => {
  test.each(builders)(
    '$version.version $target.name: signed sums name the archive and fit it',
    async (each) => {
      const folder = `${each.version.path}/targets/${each.target.name}`;
      const sums = await read(`${folder}/sha256sums`);
      const key = parseUsignPublicKey(upstream.publicKeyFile);
      expect(verifyUsign(Buffer.from(sums), await read(`${folder}/sha256sums.sig`), [key])).toBe(key.keyId);
      const builder = { distro: 'openwrt', version: each.version.version, target: each.target.name };
      const archive = findArchive(sums, builder);
      expect(archive?.name).toMatch(each.version.compression === 'xz' ? /\.tar\.xz$/ : /\.tar\.zst$/);
      expect(await sha256File(join(upstream.root, folder, archive?.name ?? ''))).toBe(archive?.digest);
    },
  );

  test.runIf(existsSync('/usr/bin/signify-openbsd'))('signify accepts key and signature', () => {
    const folder = join(upstream.root, 'releases/24.10.4/targets/x86/64');
    const args = ['-V', '-p', upstream.publicKeyPath, '-m', 'sha256sums', '-x', 'sha256sums.sig'];
    expect(execFileSync('signify-openbsd', args, { cwd: folder, encoding: 'utf8' })).toContain('Verified');
  });

  test.each(builders)(
    '$version.version $target.name: profiles.json leads to its kernel modules',
    async (each) => {
      const folder = `${each.version.path}/targets/${each.target.name}`;
      const published = parseJsonAs(
        ProfilesJsonSchema,
        await read(`${folder}/profiles.json`),
        'profiles.json',
      );
      expect(published.version_code).toBe(each.version.versionCode);
      const kernel = published.linux_kernel;
      const kmods = `${kernel?.version}-${kernel?.release}-${kernel?.vermagic}`;
      expect(kmods).toBe(kmodsFolder(each.version, each.target.name));
      expect((await indexOf(`${folder}/kmods/${kmods}`)).packages).toHaveProperty('kmod-tun');
      expect((await indexOf(`${folder}/packages`)).architecture).toBe(published.arch_packages);
    },
  );

  test('devices keep the names they had before device trees', async () => {
    const published = JSON.parse(await read('releases/25.12.0/targets/ath79/generic/profiles.json'));
    expect(published.profiles['8dev_carambola2'].supported_devices).toEqual([
      '8dev,carambola2',
      'carambola2',
    ]);
    expect(published.profiles['8dev_carambola2'].file_size_limits).toEqual({ image: 16_384_000 });
  });

  test('sizes are published from 25.12 on only', async () => {
    const published = JSON.parse(await read('releases/24.10.4/targets/ath79/generic/profiles.json'));
    const profile = published.profiles['tplink_archer-c7-v2'];
    expect(profile).not.toHaveProperty('file_size_limits');
    expect(profile.images.map((each: { type: string }) => each.type)).toEqual([
      'sysupgrade',
      'factory',
      'factory-eu',
      'factory-us',
    ]);
    expect(profile.images[0]).not.toHaveProperty('size');
  });

  test('.versions.json and .targets.json name what is there', async () => {
    const versions = JSON.parse(await read('.versions.json'));
    expect(versions.versions_list).toEqual(['25.12.0', '24.10.4', '23.05.6']);
    expect(JSON.parse(await read('snapshots/.targets.json'))['x86/64']).toBe('x86_64');
  });
});

describe('package indexes', () => {
  const feed = (version: string) => `${version}/packages/x86_64/packages`;

  test('index.json has ABI versions in names in 23.05 and not later', async () => {
    expect((await indexOf(feed('releases/23.05.6'))).packages).toHaveProperty('libncurses6', '6.4-1');
    const later = await indexOf(feed('releases/24.10.4'));
    expect(later.version).toBe(2);
    expect(later.packages).toHaveProperty('libncurses', '6.4-r2');
  });

  test.each([
    ['releases/24.10.4', 'Packages'],
    ['snapshots', 'packages.adb'],
  ])('%s: %s describes each file beside it, but for the one that is missing', async (version, name) => {
    const listed = await stanzas(`${feed(version)}/${name}`);
    const absent: (string | undefined)[] = [];
    for (const each of listed) {
      const file = join(upstream.root, feed(version), each.Filename ?? '');
      if (!existsSync(file)) absent.push(each.Package);
      else expect(await sha256File(file)).toBe(each.SHA256sum);
    }
    expect(absent).toEqual(['knob-feed-down']);
    const abi = listed.find((each) => each.Package === 'libncurses6');
    expect(abi).toMatchObject({ ABIVersion: '6', Architecture: 'x86_64' });
  });

  test('feeds.conf names the feeds of the architecture', async () => {
    const lines = (await read('releases/24.10.4/packages/x86_64/feeds.conf')).trim().split('\n');
    const feeds = lines.map((line) => line.split(' ')[1] ?? '');
    expect(feeds.toSorted()).toEqual(['base', 'luci', 'packages']);
    const folders = await readdir(join(upstream.root, 'releases/24.10.4/packages/x86_64'));
    expect(folders).toEqual(expect.arrayContaining(feeds));
  });
});

describe('writing again', () => {
  test('leaves a tree of the same code alone, and with other options keeps the key and the bytes', async () => {
    expect((await writeUpstream(upstream.root)).written).toBe(false);
    const archive = 'targets/x86/64/openwrt-imagebuilder-24.10.4-x86-64.Linux-x86_64.tar.zst';
    const before = await sha256File(join(upstream.root, 'releases/24.10.4', archive));

    const root = join(directory, 'small');
    const options = { versions: ['24.10.4'], targets: ['x86/64'] };
    const first = await writeUpstream(root, options);
    const digest = await sha256File(join(root, 'releases/24.10.4', archive));
    const second = await writeUpstream(root, { ...options, versions: ['24.10.4', '23.05.6'] });
    expect(second).toEqual({ ...first, written: true });
    expect(await sha256File(join(root, 'releases/24.10.4', archive))).toBe(digest);
    expect(digest).not.toBe(before); // another key
    expect((await stat(`${root}.seed`)).mode & 0o777).toBe(0o600);
    expect(await readdir(root)).toEqual(['.versions.json', 'releases']);
    await rm(root, { recursive: true });
    expect((await writeUpstream(root, options)).written).toBe(true);
  });
});
