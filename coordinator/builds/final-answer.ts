import { Value } from 'typebox/value';
import type { AttemptResult, BuildOutput } from '../../shared/domain/attempt-result.ts';
import { binDir } from '../../shared/domain/build.ts';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import { ProfilesJsonSchema } from '../../shared/domain/profiles-json.ts';
import { FarmError } from '../../shared/errors.ts';
import type { SealedBuild } from '../artifacts/sealed-build.ts';
import type { BuildRecord } from './build-record.ts';
import { requestEcho } from './request-echo.ts';

const HOUR_MS = 3_600_000;
/** Latest time a Date holds, seconds. Source: ECMA-262, time values. */
const LAST_DATE_S = 8.64e12;
/** How long answers are kept, by what was asked, milliseconds. */
export interface Lifetimes {
  /** With a first-boot script, which may hold secrets. */
  readonly keepWithDefaultsMs: number;
  /** With the version of each package, which is what a cautious client sends. */
  readonly keepWithVersionsMs: number;
  readonly keepPlainMs: number;
  readonly keepFailedMs: number;
}

/** Source: asu, `config.py` (`build_ttl`, `build_defaults_ttl`, `build_failure_ttl`) and contract 2.7. */
export const DEFAULT_LIFETIMES: Lifetimes = {
  keepWithDefaultsMs: HOUR_MS / 2,
  keepWithVersionsMs: 7 * 24 * HOUR_MS,
  keepPlainMs: 24 * HOUR_MS,
  keepFailedMs: HOUR_MS,
};

/**
 * How a build ends by an attempt's result: the client's whole answer, and for how long it holds.
 * @throws FarmError `invalid_request` when the result contradicts itself: profiles.json is not one, or names images that were
 * not uploaded with that hash.
 */
export function sealResult(
  record: BuildRecord,
  lease: Lease,
  result: Exclude<AttemptResult, { outcome: 'broken' }>,
  lifetimes: Lifetimes = DEFAULT_LIFETIMES,
): SealedBuild {
  const common = {
    artifacts: [...result.artifacts],
    attemptKey: attemptKey(lease),
    agentId: lease.agentId,
  };
  if (result.outcome === 'succeeded') {
    return {
      ...common,
      outcome: 'done',
      answer: doneAnswer(record, result),
      isCacheable: true,
      keepMs: keepMs(record.spec, lifetimes),
    };
  }
  return {
    ...common,
    outcome: 'failed',
    answer: failedAnswer(record, result.reason, result.output),
    // A slow or broken machine may be to blame for these two; the others fail the same way every time.
    isCacheable: result.failure !== 'timeout' && result.failure !== 'build_error',
    keepMs: lifetimes.keepFailedMs,
  };
}

/**
 * How a build ends that the farm could not make: told honestly, never given from memory.
 * @param reason is public: nothing about who and where.
 */
export function sealFarmFailure(
  record: BuildRecord,
  reason: string,
  { keepFailedMs }: Pick<Lifetimes, 'keepFailedMs'> = DEFAULT_LIFETIMES,
): SealedBuild {
  return {
    outcome: 'failed',
    artifacts: [],
    attemptKey: null,
    agentId: null,
    answer: failedAnswer(record, reason, { stdout: '', stderr: '', buildCommand: [] }),
    isCacheable: false,
    keepMs: keepFailedMs,
  };
}

/** How a build ends that the operator does not want any more. */
export function sealCancelled(record: BuildRecord): SealedBuild {
  return { ...sealFarmFailure(record, 'Build cancelled'), outcome: 'cancelled' };
}

function doneAnswer(
  record: BuildRecord,
  result: Extract<AttemptResult, { outcome: 'succeeded' }>,
): Record<string, unknown> {
  const { profiles, ...metadata } = parseProfilesJson(result.profilesJson);
  if (metadata.target !== record.spec.target) {
    throw new FarmError(
      'invalid_request',
      `profiles.json is of target ${metadata.target}, not ${record.spec.target}`,
    );
  }
  if (record.spec.versionCode !== '' && metadata.version_code !== record.spec.versionCode) {
    throw new FarmError(
      'invalid_request',
      `profiles.json is of revision ${metadata.version_code}, not ${record.spec.versionCode}`,
    );
  }
  const profile = Object.hasOwn(profiles, record.spec.profile) ? profiles[record.spec.profile] : undefined;
  const isUploaded = ({ name }: { readonly name: string }): boolean =>
    result.artifacts.some((each) => each.name === name);
  const images = profile?.images.filter(isUploaded) ?? [];
  if (!profile || images.length === 0) {
    throw new FarmError('invalid_request', `profiles.json lists no image of profile ${record.spec.profile}`);
  }
  for (const image of images) {
    const artifact = result.artifacts.find((each) => each.name === image.name);
    if (artifact?.sha256 !== image.sha256) {
      throw new FarmError(
        'invalid_request',
        `image ${image.name} was not uploaded with the hash profiles.json gives`,
      );
    }
  }
  return {
    ...metadata,
    ...profile,
    images,
    id: record.spec.profile,
    bin_dir: binDir(record.requestHash, record.generation),
    manifest: result.manifest,
    build_cmd_packages: result.buildPackages,
    build_cmd: result.output.buildCommand,
    build_at: buildAt(metadata.source_date_epoch),
    stdout: result.output.stdout,
    stderr: result.output.stderr,
    request: requestEcho(record),
    imagebuilder_status: 'done',
    detail: 'done',
    status: 200,
    request_hash: record.requestHash,
  };
}

function failedAnswer(record: BuildRecord, reason: string, output: BuildOutput): Record<string, unknown> {
  return {
    status: 500,
    detail: `Error: ${reason}`,
    imagebuilder_status: 'failed',
    stdout: output.stdout,
    stderr: output.stderr,
    build_cmd: output.buildCommand,
    bin_dir: binDir(record.requestHash, record.generation),
    request: requestEcho(record),
    request_hash: record.requestHash,
  };
}

/** Unknown fields are kept: they are the client's. */
function parseProfilesJson(text: string) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FarmError('invalid_request', 'profiles.json of the attempt is not JSON', { cause });
  }
  if (!Value.Check(ProfilesJsonSchema, value)) {
    throw new FarmError('invalid_request', 'profiles.json of the attempt has not the shape OpenWrt gives it');
  }
  return value;
}

/** `build_at` is the source date, not the time of the build (contract 2.6). */
function buildAt(sourceDateEpoch: number | undefined): string {
  const seconds = Math.trunc(sourceDateEpoch ?? 0);
  // Beyond what a date can be the field tells the epoch; nothing depends on it.
  const date = new Date((Math.abs(seconds) <= LAST_DATE_S ? seconds : 0) * 1000);
  return date.toISOString().replace('.000Z', '.000000Z');
}

function keepMs(spec: BuildSpec, lifetimes: Lifetimes): number {
  if (spec.defaults !== null) return lifetimes.keepWithDefaultsMs;
  const isPinned = Object.keys(spec.packagesVersions).length > 0;
  return isPinned ? lifetimes.keepWithVersionsMs : lifetimes.keepPlainMs;
}
