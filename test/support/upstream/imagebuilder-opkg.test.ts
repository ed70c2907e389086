import { appendFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256File } from '../../../shared/digest.ts';
import { ProfilesJsonSchema } from '../../../shared/domain/profiles-json.ts';
import { parseJsonAs } from '../../../shared/schema.ts';
import { parseUsignPublicKey } from '../../../shared/usign.ts';
import { type ImageBuilderFixture, startImageBuilderFixture } from './imagebuilder-fixture.ts';
import type { UnpackedImageBuilder } from './unpacked-imagebuilder.ts';

const VERSION = '24.10.4';
const TARGET = 'mediatek/filogic';
let fixture: ImageBuilderFixture;
let builder: UnpackedImageBuilder;

beforeAll(async () => {
  fixture = await startImageBuilderFixture(VERSION, TARGET);
  builder = await fixture.unpack(VERSION, TARGET);
});
afterAll(() => fixture[Symbol.asyncDispose]());
beforeEach(() => fixture.upstream.clearFaults());

/** The image of a type that `openwrt_one` has after a build. */
async function imageOf(from: UnpackedImageBuilder, type: string) {
  const text = await from.read('out/profiles.json');
  const { profiles } = parseJsonAs(ProfilesJsonSchema, text, 'profiles.json');
  return profiles.openwrt_one?.images.find((each) => each.type === type);
}

describe('make manifest', () => {
  test('asks for the lists each time, for the packages once', async () => {
    const cold = await builder.make('manifest', 'PACKAGES=tmux', 'STRIP_ABI=1');
    expect(cold.exitCode).toBe(0);
    expect(cold.stdout).toMatch(/^libncurses - 6\.4-r2$/m);
    expect(cold.stdout.split('\n').every((line) => line === '' || / - /.test(line))).toBe(true);
    const before = fixture.upstream.requests();
    await builder.make('manifest', 'PACKAGES=tmux');
    expect(fixture.upstream.requests() - before).toBe(10); // Packages.gz and Packages.sig of five feeds
  });

  test.each([
    ['foo-bar', [' * opkg_install_cmd: Cannot install package foo-bar.']],
    [
      'dangling',
      [
        ' * pkg_hash_check_unresolved: cannot find dependency no-such-library for dangling',
        ' * opkg_install_cmd: Cannot install package dangling.',
      ],
    ],
    [
      'wpad-mesh-mbedtls',
      [
        ' * check_conflicts_for: The following packages conflict with wpad-basic-mbedtls:',
        ' * check_conflicts_for: \twpad-mesh-mbedtls * ',
      ],
    ],
    ['clash-one clash-two', ['\tBut that file is already provided by package  * clash-one']],
    ['dnsmasq-full', ['\tBut that file is already provided by package  * dnsmasq-full']],
  ])('%s cannot be installed', async (packages, expected) => {
    const { exitCode, stdout, stderr } = await builder.make('manifest', `PACKAGES=${packages}`);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Collected errors:\n');
    expect(stderr.split('\n')).toEqual(expect.arrayContaining(expected));
    expect(stderr).toMatch(/package_install\] Error 255$/m);
  });

  test('opkg has nothing against two that provide the same, nor against a clash that is avoided', async () => {
    expect((await builder.make('manifest', 'PACKAGES=ip-full ip-tiny')).exitCode).toBe(0);
    const { exitCode, stdout } = await builder.make('manifest', 'PACKAGES=dnsmasq-full -dnsmasq');
    expect([exitCode, /^dnsmasq-full - /m.test(stdout)]).toEqual([0, true]);
  });
});

describe('feeds that fail', () => {
  test('without any list every package seems not to exist', async () => {
    fixture.upstream.fault(/Packages\.gz$/, 'reset');
    const { exitCode, stderr } = await builder.make('manifest');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^\*\*\* Failed to download the package list from http\S+\/Packages\.gz$/m);
    expect(stderr).toMatch(/^ \* opkg_download: Failed to download \S+, wget returned 4\.$/m);
    expect(stderr).toContain(' * opkg_install_cmd: Cannot install package busybox.');
  });

  test('one missing list does no harm where nothing needs it', async () => {
    fixture.upstream.fault(/\/luci\/Packages\.gz$/, 'not-found');
    const { exitCode, stderr } = await builder.make('manifest');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/opkg_download: Failed to download \S+\/luci\/Packages\.gz, wget returned 8\./);
  });

  test('a package that is gone, and one that is cut short', async () => {
    const gone = await builder.make('manifest', 'PACKAGES=knob-feed-down');
    expect(gone.exitCode).toBe(2);
    expect(gone.stderr).toMatch(/opkg_download: Failed to download \S+knob-feed-down\S+, wget returned 8\./);
    expect(gone.stderr).toContain('404');

    fixture.upstream.fault(/lsof/, 'truncate');
    const cut = await builder.make('manifest', 'PACKAGES=lsof');
    expect(cut.exitCode).toBe(2);
    expect(cut.stderr).toMatch(/opkg_download: Failed to download \S+lsof\S+, wget returned 4\./);
  });

  test('lists are not trusted without their key', async () => {
    const fresh = await fixture.unpack(VERSION, TARGET);
    const { keyId } = parseUsignPublicKey(fixture.upstream.publicKeyFile);
    await rm(join(fresh.directory, 'keys', keyId));
    const { exitCode, stderr } = await fresh.make('manifest');
    expect([exitCode, stderr.includes('Signature check failed.')]).toEqual([2, true]);
  });
});

describe('make image', () => {
  test('signs with a key of the directory: equal bytes within one, equal unsigned sums between two', async () => {
    const other = await fixture.unpack(VERSION, TARGET);
    const variables = ['PROFILE=openwrt_one', 'PACKAGES=tmux'];
    expect((await builder.image(...variables)).exitCode).toBe(0);
    const first = await imageOf(builder, 'sysupgrade');
    const factory = await imageOf(builder, 'factory');
    expect(first?.sha256).toBe(await sha256File(join(builder.binDirectory, first?.name ?? '')));
    expect(first?.sha256).not.toBe(first?.sha256_unsigned);
    expect(first).not.toHaveProperty('size');
    expect(factory?.sha256).toBe(factory?.sha256_unsigned);

    await builder.image(...variables);
    expect(await imageOf(builder, 'sysupgrade')).toEqual(first);

    expect((await other.image(...variables)).exitCode).toBe(0);
    const second = await imageOf(other, 'sysupgrade');
    expect(second?.sha256_unsigned).toBe(first?.sha256_unsigned);
    expect(second?.sha256).not.toBe(first?.sha256);
    expect(await other.outputs()).toEqual(await builder.outputs());
  });

  test('stages are told on stdout in order', async () => {
    const { stdout } = await builder.image('PROFILE=openwrt_one');
    expect(stdout).toMatch(/^Building images for mediatek - OpenWrt One\n/);
    const order = [
      'Packages: base-files',
      'Installing packages...',
      'Installing libc (1.2.5-r2) to root...',
      'Configuring libc.',
      'Finalizing root filesystem...',
      'Enabling boot',
      'Building images...',
      'Calculating checksums...',
    ].map((line) => stdout.indexOf(`\n${line}`));
    expect(order).not.toContain(-1);
    expect(order).toEqual(order.toSorted((one, two) => one - two));
  });

  test('a failing post-install script names its file', async () => {
    const { exitCode, stderr } = await builder.image('PACKAGES=knob-fail-postinst');
    expect(exitCode).toBe(2);
    const script = './usr/lib/opkg/info/knob-fail-postinst.postinst';
    expect(stderr).toContain(`postinst script ${script} has failed with exit code 7\n`);
  });

  test('two directories may share a download folder, even at the same time', async () => {
    const builders = [await fixture.unpack(VERSION, TARGET), await fixture.unpack(VERSION, TARGET)];
    const folder = join(builder.directory, 'shared-dl');
    for (const each of builders) {
      await appendFile(join(each.directory, '.config'), `CONFIG_DOWNLOAD_FOLDER="${folder}"\n`);
    }
    const results = await Promise.all(builders.map((each) => each.image('PACKAGES=tmux')));
    expect(results.map((each) => each.exitCode)).toEqual([0, 0]);
    expect(await readdir(folder)).toContain('tmux_3.5a-r2_aarch64_cortex-a53.ipk');
  });

  test('a manifest wipes the root filesystem of an image that is being built in the same directory', async () => {
    const knob = 'build_dir/target-aarch64_cortex-a53_musl/root-mediatek/usr/lib/knobs/knob-slow-2.sh';
    const slow = builder.image('PACKAGES=knob-slow-2');
    const outputs = () => builder.outputs().catch(() => []);
    await expect.poll(outputs).toContainEqual(expect.stringMatching(/\.bom\.cdx\.json$/));
    expect(await builder.read(knob)).toContain('sleep 1');
    expect((await builder.make('manifest')).exitCode).toBe(0);
    await expect(builder.read(knob)).rejects.toMatchObject({ code: 'ENOENT' });
    await slow;
  });
});
