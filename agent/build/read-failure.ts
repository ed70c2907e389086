import type { Breakage, BuildFailure } from '../../shared/domain/attempt-result.ts';
import type { Flavour } from '../builders/warm-builder.ts';
import { readFeedTrouble } from './read-feed-trouble.ts';
import { readSelectionTrouble } from './read-selection-trouble.ts';

/** What `make` left, when it was no success. */
export interface MakeOutcome {
  readonly step: 'manifest' | 'image';
  readonly flavour: Flavour;
  /** make's own; 2 for every failure, 0 when only the images are missing. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the profiles.json of `make image` holds for the profile. */
  readonly images: 'no profiles.json' | 'no profile' | 'none';
  /** URLs of the feeds that the request itself names. */
  readonly customFeeds: readonly string[];
}

/** A failure of the build itself, or one of the farm. */
export type FailureReading =
  | { readonly kind: 'failed'; readonly failure: BuildFailure; readonly reason: string }
  | { readonly kind: 'broken'; readonly breakage: Breakage; readonly reason: string };

/** What a machine lacks, not the request: by text, which of ours is at fault. Source: openwrt, include/prereq-build.mk, include/prereq.mk. */
const HOST_TROUBLES: readonly { readonly pattern: RegExp; readonly breakage: Breakage }[] = [
  { pattern: /^.*(?:No space left on device|Disk quota exceeded).*$/m, breakage: 'disk' },
  { pattern: /^Build dependency: .*$/m, breakage: 'agent' },
  { pattern: /^.*Prerequisite check failed.*$/m, breakage: 'agent' },
  { pattern: /^.*Please build with umask 022.*$/m, breakage: 'agent' },
  { pattern: /^.*Cannot allocate memory.*$/m, breakage: 'agent' },
  // Killed for memory, a program for another machine, a tool that is missing: no request can cause these.
  { pattern: /^.*(?:\bKilled$|\*\*\* .*Error 137).*$/m, breakage: 'agent' },
  { pattern: /^.*Exec format error.*$/m, breakage: 'agent' },
  { pattern: /^.*\*\*\* .*Error 12[67]\b.*$/m, breakage: 'agent' },
  { pattern: /^.*(?:Segmentation fault|Bus error).*$/m, breakage: 'agent' },
  { pattern: /^fakeroot[,:].*$/m, breakage: 'sandbox' },
  { pattern: /^.*libfakeroot: connect: .*$/m, breakage: 'sandbox' },
  { pattern: /^.*failed to preserve .*: owner.*$/m, breakage: 'sandbox' },
];

/** `is too big`: check-size of an image. The others: make_ext4fs and mkfs.ext4 of a root filesystem larger than its partition. */
const TOO_BIG =
  /is too big|out of space\?|[Ff]ailed to allocate (?:inode|\d+ blocks)|Could not allocate (?:inode|block) in ext2 filesystem/;
/** `make image` prints this when all packages are installed: what fails from here on is no fault of a feed. */
const INSTALLED = /^Finalizing root filesystem/m;

/**
 * Tells from ImageBuilder's words why there is no image. Faults of the farm come first: a feed that cannot be read makes
 * every package look unknown. Texts: imagebuilder of 23.05, 24.10 (opkg) and 25.12, main (apk).
 */
export function readFailure(outcome: MakeOutcome): FailureReading {
  // A line break between them: neither stream need end with one.
  const words = `${outcome.stdout}\n${outcome.stderr}`;
  if (outcome.exitCode === 0) return readMissingImages(outcome, words);
  const unknownProfile = /^Profile "(.*)" does not exist!$/m.exec(outcome.stdout)?.[1];
  if (unknownProfile !== undefined) return unknownProfileFailure(unknownProfile);
  for (const { pattern, breakage } of HOST_TROUBLES) {
    const line = pattern.exec(words)?.[0];
    if (line !== undefined) return { kind: 'broken', breakage, reason: shorten(line) };
  }
  if (outcome.exitCode >= 128) {
    return {
      kind: 'broken',
      breakage: 'agent',
      reason: `make was killed by signal ${outcome.exitCode - 128}`,
    };
  }
  const filesystem = /^Filesystem "(.*)" is not available!$/m.exec(outcome.stdout)?.[1];
  if (filesystem !== undefined) {
    const known = /^Available filesystems: (.*)$/m.exec(outcome.stdout)?.[1] ?? 'others';
    const reason = shorten(`The root filesystem ${filesystem} is not available here, only ${known}`);
    return { kind: 'failed', failure: 'filesystem', reason };
  }
  const isInstalled = outcome.step === 'image' && INSTALLED.test(outcome.stdout);
  return (isInstalled ? undefined : readPackageTrouble(outcome, words)) ?? readOther(outcome, words);
}

/** For a profile that this builder does not have. Text: asu, when it refuses a request. */
export function unknownProfileFailure(profile: string): FailureReading {
  return {
    kind: 'failed',
    failure: 'unknown_profile',
    reason:
      `Unsupported profile: ${profile}. The requested profile was either dropped or never existed. ` +
      'Please check the forums for more information.',
  };
}

function readMissingImages(outcome: MakeOutcome, words: string): FailureReading {
  if (TOO_BIG.test(words)) return tooBig();
  return {
    kind: 'failed',
    failure: 'build_error',
    reason:
      outcome.images === 'no profiles.json'
        ? 'No JSON file found'
        : outcome.images === 'no profile'
          ? 'Profile not found in JSON file'
          : 'Error while building firmware. See stdout/stderr',
  };
}

/** A package that is missing may lie in the feed that failed; a conflict is one whatever else failed. */
function readPackageTrouble(outcome: MakeOutcome, words: string): FailureReading | undefined {
  const selection = readSelectionTrouble(words, outcome.flavour);
  const feed = readFeedTrouble(words, outcome.flavour);
  const isConflict = selection.conflicts.length > 0 && selection.missing.length === 0;
  if (feed !== undefined && !isConflict) {
    const own = outcome.customFeeds.find((url) => feed.startsWith(`could not fetch ${url}`));
    // The client's own feed is the client's own affair: no other machine will read it either.
    if (own !== undefined)
      return { kind: 'failed', failure: 'build_error', reason: shorten(`Repository: ${feed}`) };
    return { kind: 'broken', breakage: 'feed', reason: shorten(feed) };
  }
  if (selection.missing.length === 0 && selection.conflicts.length === 0) return undefined;
  const missing = selection.missing.length > 0 ? ` missing (${selection.missing.join(', ')})` : '';
  const conflicts = selection.conflicts.length > 0 ? ` conflicts (${selection.conflicts.join(', ')})` : '';
  return {
    kind: 'failed',
    failure: 'package_selection',
    reason: shorten(`Impossible package selection:${missing}${conflicts}`),
  };
}

function readOther(outcome: MakeOutcome, words: string): FailureReading {
  if (outcome.step === 'manifest') {
    // asu's words for whatever goes wrong here; without a package to blame it is not remembered.
    return { kind: 'failed', failure: 'build_error', reason: 'Impossible package selection' };
  }
  if (TOO_BIG.test(words)) return tooBig();
  return {
    kind: 'failed',
    failure: 'build_error',
    reason: 'Error while building firmware. See stdout/stderr',
  };
}

function tooBig(): FailureReading {
  return { kind: 'failed', failure: 'too_big', reason: 'Selected packages exceed device storage' };
}

function shorten(text: string): string {
  const line = text.trim();
  return line.length <= 1000 ? line : `${line.slice(0, 999)}…`;
}
