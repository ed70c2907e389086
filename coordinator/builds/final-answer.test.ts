import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../shared/digest.ts';
import { type AttemptResult, BUILD_FAILURES } from '../../shared/domain/attempt-result.ts';
import { binDir } from '../../shared/domain/build.ts';
import type { BuildSpec } from '../../shared/domain/build-spec.ts';
import { attemptKey, type Lease } from '../../shared/domain/lease.ts';
import type { ProfilesJson } from '../../shared/domain/profiles-json.ts';
import { parseAs } from '../../shared/schema.ts';
import { SealedBuildSchema } from '../artifacts/sealed-build.ts';
import { sampleRecord } from '../http/sample-record.test.support.ts';
import type { BuildRecord } from './build-record.ts';
import { sealFarmFailure, sealResult } from './final-answer.ts';

type Succeeded = Extract<AttemptResult, { outcome: 'succeeded' }>;
type Failed = Extract<AttemptResult, { outcome: 'failed' }>;

const HOUR_MS = 3_600_000;
const record = sampleRecord();
const lease: Lease = {
  requestHash: record.requestHash,
  generation: record.generation,
  attempt: 2,
  agentId: 'attic',
  token: '0'.repeat(96),
};

const sysupgrade = { name: 'openwrt-sysupgrade.bin', type: 'sysupgrade', sha256: sha256Hex('sysupgrade') };
const factory = { name: 'openwrt-factory.bin', type: 'factory', sha256: sha256Hex('factory') };
const artifacts = [sysupgrade, factory].map(({ name, sha256 }) => ({ name, sha256, sizeBytes: 10 }));

const profiles: ProfilesJson = {
  arch_packages: 'mips_24kc',
  default_packages: ['base-files'],
  linux_kernel: { release: '1', vermagic: 'f00', version: '6.6.110' },
  metadata_version: 1,
  source_date_epoch: 1_760_000_000,
  target: 'ath79/generic',
  version_code: 'r1-abc',
  version_number: '24.10.4',
  profiles: {
    generic: {
      device_packages: ['kmod-usb2'],
      image_prefix: 'openwrt-ath79-generic',
      images: [
        { ...sysupgrade, filesystem: 'squashfs', sha256_unsigned: sysupgrade.sha256 },
        { ...factory, filesystem: 'squashfs', sha256_unsigned: factory.sha256 },
      ],
      supported_devices: ['generic'],
      titles: [{ vendor: 'Generic', model: 'Board' }],
    },
    other: { images: [], titles: [] },
  },
};

const succeeded: Succeeded = {
  outcome: 'succeeded',
  output: { stdout: 'all said', stderr: 'all warned', buildCommand: ['make', 'image', 'PROFILE=generic'] },
  artifacts,
  profilesJson: JSON.stringify(profiles),
  manifest: { vim: '9.1~2' },
  buildPackages: ['vim', '-ppp'],
};

const failed: Failed = {
  outcome: 'failed',
  output: { stdout: 'all said', stderr: 'no such package', buildCommand: [] },
  artifacts: artifacts.slice(0, 1),
  failure: 'package_selection',
  reason: 'Impossible package selection: missing (vimm)',
};

const withSpec = (changes: Partial<BuildSpec>): BuildRecord => ({
  ...record,
  spec: { ...record.spec, ...changes },
});
/** The result with another profiles.json. */
const withProfiles = (changed: unknown): Succeeded => ({
  ...succeeded,
  profilesJson: JSON.stringify(changed),
});

describe('a build that was made', () => {
  test('is answered with every field of contract 2.6', () => {
    const { answer } = sealResult(record, lease, succeeded);
    const { profiles: byId, ...metadata } = profiles;
    expect(answer).toEqual({
      ...metadata,
      ...byId.generic,
      id: 'generic',
      bin_dir: binDir(record.requestHash, record.generation),
      manifest: { vim: '9.1~2' },
      build_cmd_packages: ['vim', '-ppp'],
      build_cmd: ['make', 'image', 'PROFILE=generic'],
      build_at: '2025-10-09T08:53:20.000000Z',
      stdout: 'all said',
      stderr: 'all warned',
      request: expect.objectContaining({ version_code: 'r1-abc', rootfs_size_mb: null, defaults: null }),
      imagebuilder_status: 'done',
      detail: 'done',
      status: 200,
      request_hash: record.requestHash,
    });
  });

  test('is sealed with its files, its attempt and its agent, in a form that Redis gives back', () => {
    const sealed = sealResult(record, lease, succeeded);
    expect(sealed).toMatchObject({
      outcome: 'done',
      artifacts,
      attemptKey: attemptKey(lease),
      agentId: 'attic',
      isCacheable: true,
    });
    expect(parseAs(SealedBuildSchema, JSON.parse(JSON.stringify(sealed)), 'sealed')).toEqual(sealed);
  });

  test('carries what upstream adds to its profiles.json, which is for clients', () => {
    const changed = {
      ...profiles,
      build_host: 'x',
      profiles: { generic: { ...profiles.profiles.generic, colour: 1 } },
    };
    const { answer } = sealResult(record, lease, withProfiles(changed));
    expect(answer).toMatchObject({ build_host: 'x', colour: 1 });
  });

  test('cannot be told otherwise by the profiles.json of an agent', () => {
    const claimed = {
      bin_dir: '../../etc',
      request_hash: 'x',
      status: 500,
      detail: 'x',
      request: {},
      manifest: {},
      id: 'x',
      build_cmd: [],
      imagebuilder_status: 'x',
    };
    const changed = {
      ...profiles,
      ...claimed,
      profiles: { generic: { ...profiles.profiles.generic, ...claimed } },
    };
    expect(sealResult(record, lease, withProfiles(changed)).answer).toEqual(
      sealResult(record, lease, succeeded).answer,
    );
  });

  test('without a source date was made at the epoch', () => {
    const { source_date_epoch: _, ...timeless } = profiles;
    expect(sealResult(record, lease, withProfiles(timeless)).answer.build_at).toBe(
      '1970-01-01T00:00:00.000000Z',
    );
  });

  test.each([
    ['a day', {}, 24 * HOUR_MS],
    ['a week when versions were named', { packagesVersions: { vim: '9.1~2' } }, 7 * 24 * HOUR_MS],
    ['half an hour with a script', { defaults: 'x', packagesVersions: { vim: '9.1~2' } }, HOUR_MS / 2],
  ] as const)('is kept for %s', (_how, spec, keepMs) => {
    expect(sealResult(withSpec(spec), lease, succeeded).keepMs).toBe(keepMs);
  });
});

describe('a result that contradicts itself is refused:', () => {
  const [image] = profiles.profiles.generic?.images ?? [];
  const ofImages = (images: unknown): Succeeded =>
    withProfiles({ ...profiles, profiles: { generic: { images, titles: [] } } });

  test.each([
    ['profiles.json is not JSON', { ...succeeded, profilesJson: '{"profiles":' }],
    ['profiles.json is empty', { ...succeeded, profilesJson: '' }],
    ['profiles.json has another shape', withProfiles({ profiles: profiles.profiles })],
    ['a title is missing', withProfiles({ ...profiles, profiles: { generic: { images: [image] } } })],
    [
      'the profile is another one',
      withProfiles({ ...profiles, profiles: { other: profiles.profiles.generic } }),
    ],
    ['the profile has no image', ofImages([])],
    ['no image was uploaded', { ...succeeded, artifacts: [] }],
    ['an image has another hash than its upload', ofImages([{ ...image, sha256: sha256Hex('other') }])],
    ['an image has another name than its upload', ofImages([{ ...image, name: 'other.bin' }])],
  ] as readonly [string, Succeeded][])('%s', (_what, result) => {
    expect(() => sealResult(record, lease, result)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

test('an image that was not uploaded is left out of the answer', () => {
  const { answer } = sealResult(record, lease, { ...succeeded, artifacts: artifacts.slice(1) });
  expect(answer.images).toMatchObject([{ name: factory.name }]);
});

describe('a build that failed', () => {
  test('is answered with every field of contract 2.5', () => {
    expect(sealResult(record, lease, failed).answer).toEqual({
      status: 500,
      detail: 'Error: Impossible package selection: missing (vimm)',
      imagebuilder_status: 'failed',
      stdout: 'all said',
      stderr: 'no such package',
      build_cmd: [],
      bin_dir: binDir(record.requestHash, record.generation),
      request: expect.objectContaining({ version: '24.10.4', client: 'test/1' }),
      request_hash: record.requestHash,
    });
  });

  test('keeps its files and its attempt for an hour', () => {
    const sealed = sealResult(record, lease, failed);
    expect(sealed).toMatchObject({
      outcome: 'failed',
      artifacts: failed.artifacts,
      attemptKey: attemptKey(lease),
      agentId: 'attic',
      keepMs: HOUR_MS,
    });
    expect(parseAs(SealedBuildSchema, JSON.parse(JSON.stringify(sealed)), 'sealed')).toEqual(sealed);
  });

  test('is given from memory exactly when it would fail the same way again', () => {
    const cacheable = BUILD_FAILURES.filter(
      (failure) => sealResult(record, lease, { ...failed, failure }).isCacheable,
    );
    expect(cacheable).toEqual([
      'package_selection',
      'package_version',
      'version_code',
      'unknown_profile',
      'repository',
      'filesystem',
      'too_big',
    ]);
  });

  test('by the farm is told so, has no attempt, and is never given from memory', () => {
    const sealed = sealFarmFailure(record, 'The build was lost 3 times.', { keepFailedMs: 7 });
    expect(sealed).toMatchObject({
      keepMs: 7,
      outcome: 'failed',
      artifacts: [],
      attemptKey: null,
      agentId: null,
      isCacheable: false,
      answer: { status: 500, detail: 'Error: The build was lost 3 times.', imagebuilder_status: 'failed' },
    });
    expect(parseAs(SealedBuildSchema, JSON.parse(JSON.stringify(sealed)), 'sealed')).toEqual(sealed);
  });
});

test('the first-boot script and the lease token are in no answer', () => {
  const secretive = withSpec({ defaults: "uci set wireless.key='hunter2'" });
  const seals = [
    sealResult(secretive, lease, succeeded),
    sealResult(secretive, lease, failed),
    sealFarmFailure(secretive, 'lost'),
  ];
  for (const sealed of seals) {
    expect(JSON.stringify(sealed)).not.toContain('hunter2');
    expect(JSON.stringify(sealed)).not.toContain(lease.token);
    expect(sealed.answer).toHaveProperty('request.defaults', null);
  }
});

describe('a result that contradicts the request is refused', () => {
  const sealing =
    (changes: Partial<ProfilesJson>, of: BuildRecord = record) =>
    () =>
      sealResult(of, lease, { ...succeeded, profilesJson: JSON.stringify({ ...profiles, ...changes }) });

  test('because it is for another target', () => {
    expect(sealing({ target: 'x86/64' })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('because it is of another revision than the client insisted on', () => {
    expect(sealing({ version_code: 'r0-evil' }, withSpec({ versionCode: 'r1-abc' }))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });

  test('because its profile is only a word every object knows', () => {
    expect(sealing({}, withSpec({ profile: 'constructor' }))).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

test.each([
  [1e13, '1970-01-01T00:00:00.000000Z'],
  [1.5, '1970-01-01T00:00:01.000000Z'],
])('a source date of %d is told as a date: %s', (epoch, shown) => {
  const result = { ...succeeded, profilesJson: JSON.stringify({ ...profiles, source_date_epoch: epoch }) };
  expect(sealResult(record, lease, result).answer.build_at).toBe(shown);
});
