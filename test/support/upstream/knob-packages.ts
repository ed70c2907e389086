import type { PackageSpec } from './package-spec.ts';

/** A package that makes a build do something a test wants to see. */
export interface Knob {
  readonly package: string;
  /** What happens during `make image`, for people. */
  readonly effect: string;
  /** Shell text run at the start of "Building images..."; BOARD, TARGET_DIR and TMP_DIR are set. */
  readonly script?: string;
  /** Shell text run while the root filesystem is finalised. */
  readonly postInstall?: string;
  readonly missingUpstream?: true;
}

/** Builds can be slowed down by these many seconds. */
export const SLOW_SECONDS = [1, 2, 5, 20, 60] as const;

/** All knobs; installable like any other package of the feed `packages`. None does anything in `make manifest`. */
export const KNOBS: readonly Knob[] = [
  ...SLOW_SECONDS.map((seconds) => ({
    package: `knob-slow-${seconds}`,
    effect: `sleeps ${seconds} s, printing a line a second`,
    script: `n=0
while [ $n -lt ${seconds} ]; do
	n=$((n + 1))
	echo "knob-slow-${seconds}: second $n of ${seconds}"
	sleep 1
done`,
  })),
  {
    package: 'knob-endless-log',
    effect: 'prints lines as fast as it can until it is killed',
    script: "exec yes 'knob-endless-log: this line repeats until the build is stopped'",
  },
  {
    package: 'knob-fail',
    effect: 'fails with some text on stderr, Error 1, exit code 2',
    script: "echo 'knob-fail: this build fails because it was asked to' >&2\nexit 1",
  },
  {
    package: 'knob-fail-postinst',
    effect: 'its post-install script fails with 7; exit code 2',
    postInstall: "echo 'knob-fail-postinst: failing as asked' >&2\nexit 7",
  },
  {
    package: 'knob-too-big',
    effect:
      'flash: no image fits, exit code 0, no profiles.json; x86: the root filesystem does not fit, exit 2',
    script: `case $BOARD in
	x86) truncate -s 2G "$TARGET_DIR/knob-too-big" ;;
	*) head -c 25165824 /dev/urandom > "$TARGET_DIR/knob-too-big" ;;
esac`,
  },
  {
    package: 'knob-large',
    effect: 'images of 14 MiB more, other ones each time: more than the buffers of a connection hold',
    script: 'head -c 14680064 /dev/urandom > "$TARGET_DIR/knob-large"',
  },
  {
    package: 'knob-random',
    effect: 'other image bytes each time',
    script: 'head -c 64 /dev/urandom > "$TARGET_DIR/etc/knob-random"',
  },
  {
    package: 'knob-feed-down',
    effect: 'is in the index, but its file is not there (404): manifest and image fail, exit code 2',
    missingUpstream: true,
  },
  {
    package: 'knob-memory',
    effect: 'takes memory until it is killed; stops itself at 4 GiB and goes on',
    script: `exec perl -e '
	$| = 1;
	my $bytes = 64 << 20;
	my @held;
	for my $n (1 .. 64) { push @held, "x" x $bytes; print "knob-memory: holding ", 64 * $n, " MiB\\n" }
'`,
  },
  {
    package: 'knob-disk',
    effect:
      'writes below tmp/ until the disk is full, which fails; stops itself at 4 GiB, cleans up and goes on',
    script: `dd if=/dev/zero of="$TMP_DIR/knob-disk" bs=1M count=4096 || exit 1
rm -f "$TMP_DIR/knob-disk"`,
  },
  {
    package: 'knob-orphan',
    effect: 'leaves `sleep 300` behind in a session of its own (its id in tmp/knob-orphan.pid) and goes on',
    script: `setsid sh -c 'echo $$ > "$0"; exec sleep 300' "$TMP_DIR/knob-orphan.pid" < /dev/null > /dev/null 2>&1 &`,
  },
];

/** The knobs as packages. */
export const KNOB_PACKAGES: readonly PackageSpec[] = KNOBS.map((knob) => ({
  name: knob.package,
  version: '1.0',
  feed: 'packages',
  architecture: 'all',
  files: {
    [`usr/share/${knob.package}/effect`]: `${knob.effect}\n`,
    ...(knob.script ? { [`usr/lib/knobs/${knob.package}.sh`]: `${knob.script}\n` } : {}),
  },
  ...(knob.postInstall ? { postInstall: `#!/bin/sh\n${knob.postInstall}\n` } : {}),
  ...(knob.missingUpstream ? { missingUpstream: true as const } : {}),
}));
