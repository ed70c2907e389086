import { expect, test } from 'vitest';
import type { Finish, Finish__Output } from '../../proto/generated/wrtfarm/v1/Finish.ts';
import { loadAttemptProtocol } from '../../shared/attempt-protocol.ts';
import { MAX_ARTIFACTS } from '../../shared/domain/artifact.ts';
import { BREAKAGES, BUILD_FAILURES } from '../../shared/domain/attempt-result.ts';
import { parseFinish } from './parse-finish.ts';

const { Run } = loadAttemptProtocol().wrtfarm.v1.Attempts.service;

/** The message as the coordinator gets it: written to bytes and read again. */
function received(finish: Finish): Finish__Output {
  const report = Run.requestDeserialize(Run.requestSerialize({ finish }));
  if (!report.finish) throw new Error('the report has no finish');
  return report.finish;
}

const image = { name: 'image.bin', sha256: 'a'.repeat(64), sizeBytes: 2 ** 31 };
const output = { stdout: 'said', stderr: 'warned', buildCommand: ['make', 'image'] };

test('a success comes with all it made', () => {
  const success = { profilesJson: '{}', manifest: { vim: '9.1~2' }, buildPackages: ['vim', '-ppp'] };
  expect(parseFinish(received({ artifacts: [image], output, succeeded: success }))).toEqual({
    outcome: 'succeeded',
    artifacts: [image],
    output,
    ...success,
  });
});

test.each(BUILD_FAILURES)('the failure %s comes with its reason, files and output', (failure) => {
  const finish = { artifacts: [image], output, failed: { failure, reason: 'it broke' } };
  expect(parseFinish(received(finish))).toEqual({
    outcome: 'failed',
    artifacts: [image],
    output,
    failure,
    reason: 'it broke',
  });
});

test.each(BREAKAGES)('the breakage %s comes with its reason and nothing else', (breakage) => {
  const finish = { artifacts: [image], broken: { breakage, reason: 'disk full' } };
  expect(parseFinish(received(finish))).toEqual({ outcome: 'broken', breakage, reason: 'disk full' });
});

test('output that was not sent is empty', () => {
  const finish = { failed: { failure: 'timeout', reason: 'it took too long' } };
  expect(parseFinish(received(finish))).toMatchObject({
    artifacts: [],
    output: { stdout: '', stderr: '', buildCommand: [] },
  });
});

const failed = { failure: 'timeout', reason: '' };
const many = Array.from({ length: MAX_ARTIFACTS + 1 }, (_, index) => ({ ...image, name: `image-${index}` }));

test.each([
  ['no outcome', {}],
  ['an unknown failure', { failed: { failure: 'bad_luck', reason: '' } }],
  ['an unknown breakage', { broken: { breakage: 'timeout', reason: '' } }],
  ['a name twice', { failed, artifacts: [image, { ...image, sha256: 'b'.repeat(64) }] }],
  ['a path for a name', { failed, artifacts: [{ ...image, name: '../image.bin' }] }],
  ['a hidden name', { failed, artifacts: [{ ...image, name: '.image.bin' }] }],
  ['no sha256', { failed, artifacts: [{ ...image, sha256: '' }] }],
  ['a file that is too large', { failed, artifacts: [{ ...image, sizeBytes: 2 ** 31 + 1 }] }],
  ['too many files', { failed, artifacts: many }],
] as readonly [string, Finish][])('a finish with %s is refused', (_what, finish) => {
  expect(() => parseFinish(received(finish))).toThrow(expect.objectContaining({ code: 'invalid_request' }));
});
