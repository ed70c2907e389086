import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256File } from '../../../shared/digest.ts';
import { ProfilesJsonSchema } from '../../../shared/domain/profiles-json.ts';
import { parseJsonAs } from '../../../shared/schema.ts';
import { type ImageBuilderFixture, startImageBuilderFixture } from './imagebuilder-fixture.ts';
import { run, type UnpackedImageBuilder } from './unpacked-imagebuilder.ts';

const VERSION = '25.12.0';
const TARGET = 'ath79/generic';
let fixture: ImageBuilderFixture;
let builder: UnpackedImageBuilder;

beforeAll(async () => {
  fixture = await startImageBuilderFixture(VERSION, TARGET);
  builder = await fixture.unpack(VERSION, TARGET);
});
afterAll(() => fixture[Symbol.asyncDispose]());
beforeEach(() => fixture.upstream.clearFaults());

const profilesOf = async (from: UnpackedImageBuilder) =>
  parseJsonAs(ProfilesJsonSchema, await from.read('out/profiles.json'), 'profiles.json');

describe('make info', () => {
  test('has exactly the form of the real one', async () => {
    const { stdout, exitCode } = await builder.make('info');
    expect(exitCode).toBe(0);
    const [head, profiles = ''] = stdout.split('Available Profiles:\n\n');
    expect(head).toMatch(
      /^Current Target: "ath79\/generic"\nCurrent Architecture: "mips"\nCurrent Revision: "r33051-f5dae5ece4"\nDefault Packages: apk-mbedtls base-files [^\n]+\n$/,
    );
    expect(profiles.slice(0, profiles.indexOf('glinet_gl-ar150:'))).toBe(
      [
        '8dev_carambola2:',
        '    8devices Carambola2',
        '    Packages: kmod-usb-chipidea2',
        '    hasImageMetadata: 1',
        '    SupportedDevices: 8dev,carambola2 carambola2',
        '',
      ].join('\n'),
    );
    expect(await builder.read('.profiles.mk')).toContain('PROFILE_NAMES := DEVICE_8dev_carambola2');
  });
});

describe('make manifest', () => {
  test('prints name and version lines only, sorted, without ABI versions if asked', async () => {
    const plain = await builder.make('manifest', 'PACKAGES=tmux -ppp -ppp-mod-pppoe');
    expect(plain.exitCode).toBe(0);
    const lines = plain.stdout.trimEnd().split('\n');
    expect(lines.every((line) => /^\S+ - \S+$/.test(line))).toBe(true);
    expect(lines).toEqual(lines.toSorted());
    expect(lines).toContain('libncurses6 - 6.4-r3');
    expect(plain.stdout).not.toMatch(/^ppp/m);

    const stripped = await builder.make('manifest', 'PACKAGES=tmux', 'STRIP_ABI=1');
    expect(stripped.stdout).toMatch(/^libncurses - 6\.4-r3$/m);
    expect(stripped.stderr).toContain('Installing packages...');
  });

  test('removals win over names, and do nothing to pinned packages', async () => {
    const variables = 'PACKAGES=tmux -tmux -base-files -libc -kernel -busybox';
    const { stdout } = await builder.make('manifest', variables);
    expect(stdout).not.toContain('tmux');
    for (const name of ['base-files', 'libc', 'kernel', 'busybox']) expect(stdout).toContain(`${name} - `);
  });

  test('indexes and packages are fetched once', async () => {
    await builder.make('manifest', 'PACKAGES=vim');
    const before = fixture.upstream.requests();
    expect((await builder.make('manifest', 'PACKAGES=vim')).exitCode).toBe(0);
    expect(fixture.upstream.requests()).toBe(before);
  });

  test.each([
    ['foo-bar', ['  foo-bar (no such package):', '    required by: world[foo-bar]']],
    [
      'dangling',
      ['  no-such-library (no such package):', '    required by: dangling-1.0-r3[no-such-library]'],
    ],
    [
      'ip-full ip-tiny',
      [
        '  ip-full-6.11.0-r3:',
        '    conflicts: ip-tiny-6.11.0-r3[ip=6.11.0-r3]',
        '    satisfies: world[ip-full]',
        '  ip-tiny-6.11.0-r3:',
      ],
    ],
    [
      'wpad-mesh-mbedtls',
      ['    satisfies: world[wpad-basic-mbedtls]', '    satisfies: world[wpad-mesh-mbedtls]'],
    ],
  ])('%s cannot be selected', async (packages, expected) => {
    const { exitCode, stdout, stderr } = await builder.make('manifest', `PACKAGES=${packages}`);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('ERROR: unable to select packages:\n');
    expect(stderr.split('\n')).toEqual(expect.arrayContaining(expected));
  });

  test('two packages with one file clash after everything was unpacked', async () => {
    const { exitCode, stderr } = await builder.make('manifest', 'PACKAGES=clash-one clash-two');
    expect(exitCode).toBe(2);
    const message = 'ERROR: clash-two-1.0-r3: trying to overwrite etc/clash.conf owned by clash-one-1.0-r3.';
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^1 error; \d+ KiB in \d+ packages$/m);
  });

  test('dnsmasq-full stands in for dnsmasq', async () => {
    const { exitCode, stdout } = await builder.make('manifest', 'PACKAGES=dnsmasq-full');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^dnsmasq-full - /m);
    expect(stdout).not.toMatch(/^dnsmasq - /m);
  });
});

describe('feeds that fail', () => {
  test('without any feed every package seems not to exist', async () => {
    const fresh = await fixture.unpack(VERSION, TARGET);
    fixture.upstream.fault(/packages\.adb$/, 'reset');
    const { exitCode, stderr } = await fresh.make('manifest');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /ERROR: wget: exited with error 4\nWARNING: updating and opening http\S+packages\.adb: unexpected end of file/,
    );
    expect(stderr).toContain('  busybox (no such package):');
  });

  test('one missing feed does no harm where nothing needs it', async () => {
    const fresh = await fixture.unpack(VERSION, TARGET);
    fixture.upstream.fault(/\/luci\/packages\.adb$/, 'not-found');
    const { exitCode, stderr } = await fresh.make('manifest');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('ERROR: wget: exited with error 8');
    expect(stderr).toMatch(/WARNING: opening from cache \S+\/luci\/packages\.adb: No such file or directory/);
  });

  test('a package that is gone, and one whose bytes are wrong', async () => {
    const gone = await builder.make('manifest', 'PACKAGES=knob-feed-down');
    expect([gone.exitCode, gone.stdout]).toEqual([2, '']);
    expect(gone.stderr).toContain('ERROR: wget: exited with error 8\nERROR: knob-feed-down-1.0-r3: ');

    fixture.upstream.fault(/lsof/, 'corrupt');
    const corrupt = await builder.make('manifest', 'PACKAGES=lsof');
    expect([corrupt.exitCode, corrupt.stderr.includes('lsof-4.99.4-r3: ADB integrity error')]).toEqual([
      2,
      true,
    ]);
    fixture.upstream.clearFaults();
    expect((await builder.make('manifest', 'PACKAGES=lsof')).exitCode).toBe(0);
  });

  test('feeds are not trusted without their key', async () => {
    const fresh = await fixture.unpack(VERSION, TARGET);
    await rm(join(fresh.directory, 'keys/openwrt-miniature.pem'));
    const { exitCode, stderr } = await fresh.make('manifest');
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/WARNING: updating and opening \S+: UNTRUSTED signature/);
  });
});

describe('make image', () => {
  test('two directories give the same bytes but for the bill of materials', async () => {
    const other = await fixture.unpack(VERSION, TARGET);
    const variables = ['PROFILE=tplink_archer-c7-v2', 'PACKAGES=tmux', 'EXTRA_IMAGE_NAME=My Name_1'];
    const first = await builder.image(...variables);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(
      /Checking 'wget'\.\.\. ok\.\n[\s\S]*Building images for ath79 - TP-Link Archer C7 v2\n/,
    );
    expect((await other.image(...variables)).exitCode).toBe(0);

    const names = await builder.outputs();
    const prefix = 'openwrt-25.12.0-my-name-1-ath79-generic-tplink_archer-c7-v2';
    expect(names).toEqual(
      [
        ...['factory-eu', 'factory-us', 'factory', 'sysupgrade'].map(
          (type) => `${prefix}-squashfs-${type}.bin`,
        ),
        `${prefix}.bom.cdx.json`,
        `${prefix}.manifest`,
        'profiles.json',
        'sha256sums',
      ].sort(),
    );
    expect(await other.outputs()).toEqual(names);
    for (const name of names) {
      const digests = [builder, other].map((each) => sha256File(join(each.binDirectory, name)));
      const [one, two] = await Promise.all(digests);
      expect([name, one === two]).toEqual([name, !/bom|sha256sums/.test(name)]);
    }
    expect((await builder.image(...variables)).stdout).not.toContain('Checking');
  });

  test('profiles.json is one line with the sums of the images, unsigned', async () => {
    await builder.image('PROFILE=8dev_carambola2', 'PACKAGES=tmux');
    const text = await builder.read('out/profiles.json');
    expect(text.split('\n')).toHaveLength(1);
    const { profiles, version_code } = await profilesOf(builder);
    expect(version_code).toBe('r33051-f5dae5ece4');
    const [image] = profiles['8dev_carambola2']?.images ?? [];
    const digest = await sha256File(join(builder.binDirectory, image?.name ?? ''));
    expect(image).toMatchObject({ type: 'sysupgrade', sha256: digest, sha256_unsigned: digest });
    expect(image?.size).toBeGreaterThan(50_000);
    expect(profiles['8dev_carambola2']?.supported_devices).toEqual(['8dev,carambola2', 'carambola2']);
    expect(await builder.read('out/sha256sums')).toContain(`${digest} *${image?.name}\n`);
    expect(await builder.read(`out/openwrt-25.12.0-ath79-generic-8dev_carambola2.manifest`)).toMatch(
      /^libncurses6 - /m,
    );
  });

  test('without a profile the first one is built; FILES are copied, or silently not', async () => {
    await mkdir(join(builder.directory, 'files/etc'), { recursive: true });
    await writeFile(join(builder.directory, 'files/etc/mine'), 'mine');
    const { exitCode, stdout } = await builder.image('FILES=files', 'DISABLED_SERVICES=dnsmasq');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Disabling dnsmasq\nEnabling dropbear\n/);
    const root = 'build_dir/target-mips_24kc_musl/root-ath79';
    expect(await builder.read(`${root}/etc/mine`)).toBe('mine');
    expect(Object.keys((await profilesOf(builder)).profiles)).toEqual(['8dev_carambola2']);
    expect((await builder.image('FILES=/no/such/folder')).exitCode).toBe(0);
  });

  test('old results of the same revision stay in profiles.json', async () => {
    await builder.image('PROFILE=8dev_carambola2');
    await builder.make('image', `BIN_DIR=${builder.binDirectory}`, 'PROFILE=glinet_gl-ar150');
    const { profiles } = await profilesOf(builder);
    expect(Object.keys(profiles)).toEqual(['8dev_carambola2', 'glinet_gl-ar150']);
  });

  test('a profile it does not know is told on stdout', async () => {
    const { exitCode, stdout } = await builder.image('PROFILE=nope');
    const text =
      'Profile "nope" does not exist!\nUse "make info" to get a list of available profile names.\n';
    expect([exitCode, stdout]).toEqual([2, text]);
  });

  test('another umask or a missing tool fails the first image of a directory', async () => {
    const fresh = await fixture.unpack(VERSION, TARGET);
    const masked = await run('sh', ['-c', 'umask 077; exec make image'], fresh.directory);
    expect(masked.exitCode).toBe(2);
    expect(masked.stdout).toContain('Please build with umask 022 - other values produce broken packages');

    await rm(join(fresh.directory, 'staging_dir/host/bin/wget'), { force: true });
    const path = join(fresh.directory, 'few-tools');
    await mkdir(path);
    const tools =
      'cd "$1"; for t in make sh perl mkdir rm touch dirname; do ln -s "$(command -v $t)" .; done';
    await run('sh', ['-c', tools, 'sh', path], fresh.directory);
    const poor = await run('sh', ['-c', `PATH=${path} exec make image`], fresh.directory);
    expect(poor.exitCode).toBe(2);
    expect(poor.stdout).toMatch(
      /Build dependency: Please install 'wget'\n[\s\S]*Prerequisite check failed\. Use FORCE=1 to override\.\n/,
    );
  });
});

test('make clean takes downloads and results along', async () => {
  await builder.image();
  expect((await builder.make('clean', `BIN_DIR=${builder.binDirectory}`)).exitCode).toBe(0);
  await expect(builder.outputs()).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(builder.read('dl')).rejects.toMatchObject({ code: 'ENOENT' });
});
