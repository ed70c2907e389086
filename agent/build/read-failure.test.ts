import { describe, expect, test } from 'vitest';
import { type FailureReading, type MakeOutcome, readFailure } from './read-failure.ts';

function read(outcome: Partial<MakeOutcome>): FailureReading {
  return readFailure({
    step: 'manifest',
    flavour: 'apk',
    exitCode: 2,
    stdout: '',
    stderr: '',
    images: 'no profiles.json',
    customFeeds: [],
    ...outcome,
  });
}

function selection(reason: string): FailureReading {
  return { kind: 'failed', failure: 'package_selection', reason };
}

const URL = 'https://downloads.openwrt.org/releases/25.12.5/packages/mips_24kc/base';
const INNER =
  'make[2]: *** [Makefile:170: package_install] Error 1\nmake: *** [Makefile:320: manifest] Error 2\n';
const TOO_BIG: FailureReading = {
  kind: 'failed',
  failure: 'too_big',
  reason: 'Selected packages exceed device storage',
};
const OTHER: FailureReading = {
  kind: 'failed',
  failure: 'build_error',
  reason: 'Error while building firmware. See stdout/stderr',
};

describe('apk', () => {
  const unavailable = (name: string, by: string): string =>
    `  ${name} (no such package):\n    required by: ${by}\n`;

  test.each<[string, string, FailureReading]>([
    [
      'unknown packages',
      `ERROR: unable to select packages:\n${unavailable('zoo', 'world[zoo]')}${unavailable('foo', 'world[foo]')}${INNER}`,
      selection('Impossible package selection: missing (foo, zoo)'),
    ],
    [
      'a missing dependency',
      `ERROR: unable to select packages:\n${unavailable('dep', 'foo-1.0-r1[dep]')}`,
      selection('Impossible package selection: missing (dep)'),
    ],
    [
      'two packages that provide the same',
      'ERROR: unable to select packages:\n  ip-full-6.18.0-r2:\n    conflicts: ip-tiny-6.18.0-r2[ip=6.18.0-r2]\n    satisfies: world[ip-full]\n' +
        '  ip-tiny-6.18.0-r2:\n    conflicts: ip-full-6.18.0-r2[ip=6.18.0-r2]\n    satisfies: world[ip-tiny]\n',
      selection('Impossible package selection: conflicts (ip-full, ip-tiny)'),
    ],
    [
      'a declared conflict beside an unknown package',
      `ERROR: unable to select packages:\n${unavailable('foo', 'world[foo]')}  b-1.0-r1:\n    breaks: a-1.0-r1[!b]\n    satisfies: world[b]\n`,
      selection('Impossible package selection: missing (foo) conflicts (a, b)'),
    ],
    [
      'a pinned version',
      'ERROR: unable to select packages:\n  libgcc1-13.3.0-r4:\n    breaks: world[libgcc1=3.5a-r1]\n',
      selection('Impossible package selection: conflicts (libgcc1)'),
    ],
    [
      'two packages that bring the same file',
      'ERROR: clash-two-1.0-r1: trying to overwrite etc/clash.conf owned by clash-one-1.0-r1.\n1 error; 3.2 MiB in 120 packages\n',
      selection('Impossible package selection: conflicts (clash-one, clash-two)'),
    ],
    [
      'something else',
      `ERROR: something new\n${INNER}`,
      { ...OTHER, reason: 'Impossible package selection' },
    ],
    [
      'a damaged package file',
      'ERROR: wget: exited with error 8\nERROR: tmux-3.5a-r1: BAD archive\n',
      { kind: 'broken', breakage: 'feed', reason: 'ERROR: wget: exited with error 8' },
    ],
    [
      'a feed that cannot be reached, which makes everything look unknown',
      `ERROR: wget: exited with error 4\nWARNING: updating and opening ${URL}/packages.adb: unexpected end of file\n` +
        `ERROR: wget: exited with error 4\nWARNING: updating and opening ${URL}2/packages.adb: unexpected end of file\n` +
        `ERROR: unable to select packages:\n${unavailable('base-files', 'world[base-files]')}`,
      {
        kind: 'broken',
        breakage: 'feed',
        reason: `could not fetch ${URL}/packages.adb and 1 more: unexpected end of file; ERROR: wget: exited with error 4`,
      },
    ],
    [
      'one feed that is not there, beside a package nobody has',
      `ERROR: wget: exited with error 8\nWARNING: updating and opening ${URL}/packages.adb: unexpected end of file\n` +
        `WARNING: opening from cache ${URL}/packages.adb: No such file or directory\n`.repeat(280) +
        `ERROR: unable to select packages:\n${unavailable('foo', 'world[foo]')}`,
      {
        kind: 'broken',
        breakage: 'feed',
        reason: `could not fetch ${URL}/packages.adb: unexpected end of file; ERROR: wget: exited with error 8`,
      },
    ],
    [
      'one feed that is not there, beside a conflict that has nothing to do with it',
      `ERROR: wget: exited with error 8\nWARNING: updating and opening ${URL}/packages.adb: unexpected end of file\n` +
        'ERROR: unable to select packages:\n  b-1.0-r1:\n    breaks: a-1.0-r1[!b]\n',
      selection('Impossible package selection: conflicts (a, b)'),
    ],
    [
      'a key that is missing',
      `WARNING: updating and opening ${URL}/packages.adb: UNTRUSTED signature\nERROR: unable to select packages:\n${unavailable('foo', 'world[foo]')}`,
      {
        kind: 'broken',
        breakage: 'feed',
        reason: `could not fetch ${URL}/packages.adb: UNTRUSTED signature; WARNING: updating and opening ${URL}/packages.adb: UNTRUSTED signature`,
      },
    ],
    [
      'a package that cannot be fetched',
      'ERROR: wget: exited with error 4\nERROR: tmux-3.5a-r1: unexpected end of file\n',
      { kind: 'broken', breakage: 'feed', reason: 'ERROR: wget: exited with error 4' },
    ],
  ])('%s', (_case, stderr, expected) => {
    expect(read({ stderr })).toEqual(expected);
  });
});

describe('opkg', () => {
  const cannot = (name: string): string => ` * opkg_install_cmd: Cannot install package ${name}.\n`;

  test.each<[string, string, FailureReading]>([
    [
      'unknown packages',
      `Collected errors:\n${cannot('zoo')}${cannot('foo')}`,
      selection('Impossible package selection: missing (foo, zoo)'),
    ],
    [
      'a missing dependency',
      'Collected errors:\n * pkg_hash_check_unresolved: cannot find dependency dep for foo\n' +
        ' * pkg_hash_fetch_best_installation_candidate: Packages for foo found, but incompatible with the architectures configured\n' +
        cannot('foo'),
      selection('Impossible package selection: missing (dep)'),
    ],
    [
      'packages that conflict',
      'Collected errors:\n * check_conflicts_for: The following packages conflict with wpad-basic-mbedtls:\n' +
        ` * check_conflicts_for: \twpad-mesh-mbedtls * \n${cannot('wpad-basic-mbedtls')}`,
      selection('Impossible package selection: conflicts (wpad-basic-mbedtls, wpad-mesh-mbedtls)'),
    ],
    [
      'packages that conflict, as asu quotes it',
      'Collected errors:\n * check_conflicts_for: The following packages conflict with OPKG-CONFLICT-1:\n' +
        ` * check_conflicts_for:         OPKG-CONFLICT-2 *\n${cannot('OPKG-CONFLICT-1')}`,
      selection('Impossible package selection: conflicts (OPKG-CONFLICT-1, OPKG-CONFLICT-2)'),
    ],
    [
      'two packages that bring the same file',
      'Collected errors:\n * check_data_file_clashes: Package clash-two wants to install file /builder/root/etc/clash.conf\n' +
        '\tBut that file is already provided by package  * clash-one\n' +
        cannot('clash-two'),
      selection('Impossible package selection: conflicts (clash-one, clash-two)'),
    ],
    [
      'feeds that cannot be reached',
      `*** Failed to download the package list from ${URL}/Packages.gz\n\n*** Failed to download the package list from ${URL}2/Packages.gz\n` +
        `Collected errors:\n * opkg_download: Failed to download ${URL}/Packages.gz, wget returned 4.\n${cannot('foo')}`,
      {
        kind: 'broken',
        breakage: 'feed',
        reason: `could not fetch ${URL}/Packages.gz and 1 more: wget returned 4`,
      },
    ],
    [
      'one feed that is not there, beside a package nobody has',
      `*** Failed to download the package list from ${URL}/Packages.gz\nCollected errors:\n` +
        ` * opkg_download: Failed to download ${URL}/Packages.gz, wget returned 8.\n${cannot('foo')}`,
      { kind: 'broken', breakage: 'feed', reason: `could not fetch ${URL}/Packages.gz: wget returned 8` },
    ],
    [
      'one feed that is not there, beside a conflict',
      ` * opkg_download: Failed to download ${URL}/Packages.gz, wget returned 8.\n` +
        ' * check_conflicts_for: The following packages conflict with a:\n * check_conflicts_for: \tb * \n' +
        cannot('a'),
      selection('Impossible package selection: conflicts (a, b)'),
    ],
    [
      'a package list with a wrong signature',
      `Signature check failed.\nRemove wrong Signature file.\n${cannot('foo')}`,
      { kind: 'broken', breakage: 'feed', reason: 'Signature check failed.' },
    ],
  ])('%s', (_case, stderr, expected) => {
    expect(read({ flavour: 'opkg', stderr })).toEqual(expected);
  });
});

describe('either', () => {
  test.each<[string, Partial<MakeOutcome>, FailureReading]>([
    [
      'an unknown profile',
      {
        stdout: 'Profile "nope" does not exist!\nUse "make info" to get a list of available profile names.\n',
      },
      {
        kind: 'failed',
        failure: 'unknown_profile',
        reason:
          'Unsupported profile: nope. The requested profile was either dropped or never existed. Please check the forums for more information.',
      },
    ],
    [
      'a flash image that is too big, with no image left',
      {
        step: 'image',
        exitCode: 0,
        stdout: 'JSON info file script could not find any JSON files for target\n',
        stderr: '    WARNING: Image file /builder/tmp/x.bin is too big: 24510468 > 16384000\n',
      },
      TOO_BIG,
    ],
    [
      'a root filesystem larger than its partition',
      {
        step: 'image',
        stdout: 'Finalizing root filesystem...\n',
        stderr:
          'error: make_file: failed to allocate inode\nmake[3]: *** [Makefile:90: /builder/build_dir/root.ext4] Error 1\n',
      },
      TOO_BIG,
    ],
    [
      'a root filesystem without room for blocks',
      {
        step: 'image',
        stderr: 'error: do_inode_allocate_extents: Failed to allocate 12 blocks, out of space?\n',
      },
      TOO_BIG,
    ],
    [
      'a script of a package, whatever feeds were missing before',
      {
        step: 'image',
        stdout: 'Installing packages...\nFinalizing root filesystem...\n',
        stderr: `WARNING: updating and opening ${URL}/packages.adb: unexpected end of file\npostinst script ./lib/apk/db/x.post-install has failed with exit code 7\n`,
      },
      OTHER,
    ],
    [
      'a feed that fails between manifest and image',
      {
        step: 'image',
        stdout: 'Installing packages...\n',
        stderr: 'ERROR: wget: exited with error 4\nERROR: tmux-3.5a-r1: unexpected end of file\n',
      },
      { kind: 'broken', breakage: 'feed', reason: 'ERROR: wget: exited with error 4' },
    ],
    ['anything else of make image', { step: 'image', stderr: 'make: *** [x] Error 2\n' }, OTHER],
    [
      'a full disk, before all that follows from it',
      { stderr: 'ERROR: failed to write database: No space left on device\n  foo (no such package):\n' },
      {
        kind: 'broken',
        breakage: 'disk',
        reason: 'ERROR: failed to write database: No space left on device',
      },
    ],
    [
      'a tool the machine lacks',
      {
        step: 'image',
        stdout:
          "Checking 'unzip'... failed.\n\nBuild dependency: Please install 'unzip'\n\nPrerequisite check failed. Use FORCE=1 to override.\n",
      },
      { kind: 'broken', breakage: 'agent', reason: "Build dependency: Please install 'unzip'" },
    ],
    [
      'a wrong umask',
      { step: 'image', stdout: 'Please build with umask 022 - other values produce broken packages\n' },
      {
        kind: 'broken',
        breakage: 'agent',
        reason: 'Please build with umask 022 - other values produce broken packages',
      },
    ],
    [
      'no loopback for fakeroot',
      { stderr: 'libfakeroot: connect: Network is unreachable\n' },
      { kind: 'broken', breakage: 'sandbox', reason: 'libfakeroot: connect: Network is unreachable' },
    ],
    [
      'an owner that cannot be set',
      { stderr: 'WARNING: busybox-1.37.0-r6: failed to preserve bin/busybox: owner\nError 99\n' },
      {
        kind: 'broken',
        breakage: 'sandbox',
        reason: 'WARNING: busybox-1.37.0-r6: failed to preserve bin/busybox: owner',
      },
    ],
    [
      'a make that was killed',
      { exitCode: 137 },
      { kind: 'broken', breakage: 'agent', reason: 'make was killed by signal 9' },
    ],
    [
      'no profiles.json for no known reason',
      { step: 'image', exitCode: 0 },
      { kind: 'failed', failure: 'build_error', reason: 'No JSON file found' },
    ],
    [
      'a profiles.json of another profile',
      { step: 'image', exitCode: 0, images: 'no profile' },
      { kind: 'failed', failure: 'build_error', reason: 'Profile not found in JSON file' },
    ],
    ['a profiles.json whose images are not there', { step: 'image', exitCode: 0, images: 'none' }, OTHER],
  ])('%s', (_case, outcome, expected) => {
    expect(read(outcome)).toEqual(expected);
    expect(read({ ...outcome, flavour: outcome.stderr?.includes('wget') ? 'apk' : 'opkg' })).toEqual(
      expected,
    );
  });

  test('a reason has bounds', () => {
    const names = Array.from(
      { length: 2000 },
      (_, number) => `  package-${number} (no such package):\n`,
    ).join('');
    expect(read({ stderr: names }).reason).toHaveLength(1000);
  });
});

describe('what no request can cause', () => {
  test.each([
    ['a program for another machine', 'bash: ./apk: cannot execute binary file: Exec format error', 'agent'],
    ['a tool that is missing', 'make[2]: *** [Makefile:170: package_install] Error 127', 'agent'],
    ['memory that ran out', '/bin/sh: line 1:  1234 Killed', 'agent'],
    [
      'fakeroot that cannot work',
      "fakeroot: preload library `libfakeroot.so' not found, aborting.",
      'sandbox',
    ],
  ] as const)("%s is the machine's fault", (_case, line, breakage) => {
    expect(read({ stderr: `${line}\n${INNER}` })).toMatchObject({ kind: 'broken', breakage });
  });
});

test("a feed of the client's own that cannot be read is told to the client at once", () => {
  const stderr = `WARNING: updating and opening https://feed.example/x/packages.adb: UNTRUSTED signature\nERROR: unable to select packages:\n  foo (no such package):\n    required by: world[foo]\n`;
  expect(read({ stderr, customFeeds: ['https://feed.example/x/packages.adb'] })).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('https://feed.example/x/packages.adb'),
  });
  expect(read({ stderr })).toMatchObject({ kind: 'broken', breakage: 'feed' });
});

test('a root filesystem that the builder does not make is named, with those it makes', () => {
  const stdout = 'Filesystem "ext4" is not available!\nAvailable filesystems: squashfs\n';
  expect(read({ step: 'image', stdout })).toEqual({
    kind: 'failed',
    failure: 'filesystem',
    reason: 'The root filesystem ext4 is not available here, only squashfs',
  });
});
